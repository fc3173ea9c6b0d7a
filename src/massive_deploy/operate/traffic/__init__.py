"""What visitors asked for: nginx's access logs counted where they lie, put together here."""
