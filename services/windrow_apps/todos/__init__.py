"""Todos: to-dos with owners and deadlines, reminders, statistics, exports and a cache."""
