"""OAuth 2 under the WLangage names: OAuth2Paramètres, AuthIdentifie, AuthToken."""
