// Envoi d'un email par un serveur SMTP non sécurisé
EmailChangeTimeOut(10) // 10 secondes pour le time out
// Attention : il faut utiliser le serveur SMTP du fournisseur d'accès Internet 
soit sServeursSMTP = "smtp.orange.fr"
SI EmailOuvreSessionSMTP(sNomUser, sMotDePasse, sServeurSMTP) = Vrai ALORS
	// Procédure permettant d'initialiser la structure email
	Initialise_Email()
	// Envoie l'email
	SI EmailEnvoieMessage(sNomUser) = Faux ALORS
		Erreur()
	FIN
	EmailFermeSession(sNomUser)
SINON
	Erreur("Impossible d'établir la connexion", ErreurInfo(), ...
		"En cas de Time Out, assurez-vous des paramètres du " + ...
		"""Pare-Feu"" sur le port utilisé (25)")
FIN
