"""Science as data: thresholds, equations, profiles, plans and rules, each with its source."""
