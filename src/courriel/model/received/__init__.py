"""Values of received mail: letters' addresses, attachments, folders, searches, replies."""
