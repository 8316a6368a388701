"""Stored facts into pages: who needs me, is it working, what next. By the pure rules of `protocol`, without markup.

`reading` asks the store for facts, everything else is pure: facts in, frozen page objects out. The web renders them as
HTML and as JSON, `letters` as paper.
"""
