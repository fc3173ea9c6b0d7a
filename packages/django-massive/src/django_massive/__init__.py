"""What a Django project needs behind a shared cache, a connection pooler and a task queue.

Add `django_massive` to INSTALLED_APPS for its checks, template tags, commands and tasks. Every module also works alone.
"""
