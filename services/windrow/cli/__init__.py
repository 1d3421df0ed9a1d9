"""`windrow …`: one program, a sub-command a door."""
