"""Asyncio servers: of the practice server, of the relays of the bridge, and their thread."""
