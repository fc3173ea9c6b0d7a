"""What people look at: dashboards that follow from the layout, as web pages and as Grafana's JSON."""
