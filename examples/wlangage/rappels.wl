// Rappelle aux clients les commandes qui attendent au comptoir.
// Une ligne du fichier : numéro;adresse;nom;jours d'attente

sMotDePasse est une chaîne	// --set sMotDePasse=env:MAIL_PASSWORD
nEnvoyés est un entier = 0

PROCEDURE Rappelle(sAdresse est une chaîne, sNom est une chaîne, nCommande est un entier, nJours est un entier) : booléen
Email.Expéditeur = "comptoir@example.org"
Email.Destinataire = sAdresse
Email.Sujet = "Votre commande n°" + nCommande
Email.Message = [
Bonjour,
Votre commande vous attend au comptoir.
]
SI nJours > 3 ALORS Email.Message += RC + "Elle y est depuis " + nJours + " jours."
SI PAS EmailEnvoieMessage("comptoir") ALORS
	Trace("non envoyé à " + sNom + " : " + ErreurInfo(errMessage))
	RENVOYER Faux
FIN
RENVOYER Vrai

SI PAS EmailOuvreSessionSMTP("comptoir", sMotDePasse, "smtp.example.org", 587, Faux, emailOptionSécuriséTLS) ALORS
	Erreur(ErreurInfo())
	FinProgramme()
FIN

POUR TOUTE CHAÎNE sLigne DE fChargeTexte("commandes.csv") SÉPARÉE PAR Caract(10)
	SI sLigne = "" ALORS CONTINUER
	nJours est un entier = Val(ExtraitChaîne(sLigne, 4, ";"))
	SI nJours = 0 ALORS CONTINUER	// prête d'aujourd'hui
	SI Rappelle(ExtraitChaîne(sLigne, 2, ";"), ExtraitChaîne(sLigne, 3, ";"), Val(ExtraitChaîne(sLigne, 1, ";")), nJours) ALORS nEnvoyés++
FIN
EmailFermeSession("comptoir")
Trace(nEnvoyés + " rappels envoyés")
