"""`ariel`: the same verbs for a person and for a pipeline; each thinly over the room that does the work."""
