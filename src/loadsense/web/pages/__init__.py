"""One module a page: ask `review` for the page object, hand it to a template."""
