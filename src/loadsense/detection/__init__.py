"""Events from samples: impacts, landings, lifts and activity; one stage each, all by push and flush."""
