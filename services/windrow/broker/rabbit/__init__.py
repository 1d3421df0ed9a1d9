"""The queues of a release on RabbitMQ: every AMQP call there is. Signals, progress and events stay on Redis.

A queue and priority step is a durable quorum queue of its own, under the name that the Redis list would have.
"""
