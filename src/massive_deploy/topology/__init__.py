"""From the topology a user wrote to the layout everything is derived from. Pure: no host is touched."""
