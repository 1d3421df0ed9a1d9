"""`windrow up`: embedded Redis and PostgreSQL, and every door in one terminal."""
