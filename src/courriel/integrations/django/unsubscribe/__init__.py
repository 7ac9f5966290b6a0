"""
One-click unsubscribe (RFC 8058) in a Django project: links by `unsubscribe_link`, and the view behind them.

    COURRIEL_UNSUBSCRIBE = {
        "url": "https://news.example.org/unsubscribe",
        "key": "env:UNSUBSCRIBE_KEY",
        "on_unsubscribe": "letters.subscribers.remove",     # a function: remove(address, list_name)
    }
    urlpatterns = [path("unsubscribe/", include("courriel.integrations.django.unsubscribe.urls"))]

Without `on_unsubscribe` the address goes onto the suppression list of the project's outbox, for the stream of that
name; with it neither tables nor an app in INSTALLED_APPS are needed. See docs/unsubscribe.md.
"""
