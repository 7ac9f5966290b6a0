// Relances d'un fichier, plusieurs constructions à la fois
CONSTANTE
	SERVEUR = "smtp.example.org"
	JOURS = 30
FIN

STRUCTURE STClient
	sNom est une chaîne
	sAdresse est une chaîne
	mDû est un monétaire
	nRetard est un entier
FIN

PROCEDURE Compte(nTotal est un entier, nPlus est un entier = 1)
nTotal += nPlus

PROCÉDURE Texte(stClient) : chaîne
sTexte est une chaîne
SELON stClient.nRetard
	CAS 0 : sTexte = "à échéance"
	CAS 1 À 14 : sTexte = "en retard de " + stClient.nRetard + " jour" + (stClient.nRetard > 1 ? "s" SINON "")
	AUTRE CAS
		sTexte = "très en retard"
FIN
RENVOYER ChaîneConstruit("%1, vous devez %2 € : %3.", stClient.sNom, NumVersChaîne(stClient.mDû, ",2f"), sTexte)

tabClients est un tableau de STClient
nEnvoyés, nPassés sont des entiers
sLigne est une chaîne
POUR TOUT CHAÎNE sLigne DE fChargeTexte("clients.txt") SÉPARÉE PAR RC
	SI sLigne = "" OU Gauche(sLigne, 1) = "#" ALORS CONTINUER
	unClient est un STClient
	unClient.sNom = ExtraitChaîne(sLigne, 1, ";")
	unClient.sAdresse = SansEspace(ExtraitChaîne(sLigne, 2, ";"))
	unClient.mDû = Val(ExtraitChaîne(sLigne, 3, ";"))
	unClient.nRetard = Val(ExtraitChaîne(sLigne, 4, ";"))
	Ajoute(tabClients, unClient)
FIN
Trace("clients : " + TableauOccurrence(tabClients))

SI PAS EmailOuvreSessionSMTP("compta@example.org", "secret", SERVEUR, 587, Faux, emailOptionSécuriséTLS) ALORS
	Erreur(ErreurInfo())
	FinProgramme()
FIN
POUR i = 1 _À_ tabClients..Occurrence
	SI PAS tabClients[i].sAdresse [= "ada" ET EmailVérifieAdresse(tabClients[i].sAdresse, emailValideSyntaxe) <> emailAdresseValide ALORS
		Trace(tabClients[i].sNom + " : adresse refusée")
		Compte(nPassés)
		CONTINUER
	FIN
	EmailRAZ()
	Email.Expéditeur = "compta@example.org"
	Email.Destinataire = tabClients[i].sAdresse
	Email.Sujet = "Relance " + i + "/" + tabClients..Occurrence
	Email.Message = Texte(tabClients[i])
	SI EmailEnvoieMessage("compta@example.org") ALORS Compte(nEnvoyés) SINON Erreur()
FIN
EmailFermeSession("compta@example.org")

n est un entier = 0
BOUCLE
	n++
	SI n MODULO 2 = 0 ALORS CONTINUER
	SI n > JOURS / 6 ALORS SORTIR
FIN
TANTQUE n > 0 ET Vrai
	n -= 2
FIN
Trace("envoyés : ", nEnvoyés, "passés : ", nPassés, n, "fin" + ".")
