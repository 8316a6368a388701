"""The JSON API: what the pages show, for programs, under /api/v1; the answers are the page objects themselves."""
