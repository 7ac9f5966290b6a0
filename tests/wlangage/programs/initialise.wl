// Ce que la page appelle sans le montrer.
PROCEDURE Initialise_Email()
EmailRAZ()

Email.Expéditeur = "ada@example.org"
Email.Destinataire[1] = "bob@example.org"
Email.Sujet = "Été : de la page"
Email.Message = "Bonjour," + RC + "à bientôt."

PROCEDURE Initialize_Email()
Initialise_Email()
