"""One frozen page, many forms: terminal, CSV, JSON, HTML."""
