"""Page and API of the sandbox, on Starlette: where mail is looked at. Needs the extra `courriel[web]`."""
