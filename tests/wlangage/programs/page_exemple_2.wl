NomUser est une chaîne

NomUser = "monadresse@gmail.com"
// Envoi d'un email par le protocole SMTP sécurisé
EmailChangeTimeOut(10) // 10 secondes pour le time out
// Utilisation d'un serveur SMTP sécurisé avec authentification
// Nécessaire en général pour utiliser un SMTP 
// différent de celui du fournisseur d'accès Internet
SI EmailOuvreSessionSMTP(NomUser, "MotDePasse", ...
			"smtp.gmail.com", 587, Faux, emailOptionSécuriséTLS) = Vrai ALORS
	// Procédure permettant d'initialiser la structure email
	Initialise_Email()
	// Envoie l'email
	SI EmailEnvoieMessage(NomUser) = Faux ALORS
		Erreur()
	FIN
	EmailFermeSession(NomUser)
SINON
	Erreur("Impossible d'établir la connexion", ErreurInfo(), ...
		"En cas de Time Out, assurez-vous des paramètres du "+ ...
		"""Pare-Feu"" sur le port utilisé (587)")
FIN
