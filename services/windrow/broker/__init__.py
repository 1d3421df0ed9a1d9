"""Every kombu and Redis call there is: transport, publisher, depth, wake-ups. A message is only a wake-up."""
