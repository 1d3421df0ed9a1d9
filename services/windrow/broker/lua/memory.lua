-- How full the server is. Returns the text of INFO memory.
return redis.call('INFO', 'memory')
