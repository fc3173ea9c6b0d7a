"""An audit of a stack's hosts: what an attacker would look at first. One module a check, below checks/."""
