"""The step of the demo that runs the WLangage page's first example as it is; it needs the extra "wlangage"."""

from __future__ import annotations

from courriel.demo.scene import Both, Scene, one_letter

AS_IT_IS = Scene(
    Both(
        "WLangage : l'exemple de la page, exécuté tel quel, sur un autre serveur que le sien",
        "WLangage: the example of the page, run as it is, on another server than its own",
    ),
    Both(
        """
        import os, subprocess, sys
        from pathlib import Path

        page = Path("$page")
        # Mot pour mot, sServeurSMTP compris ; Initialise_Email est ce que la page appelle sans le montrer.
        page.write_text('''
        EmailChangeTimeOut(10) // 10 secondes pour le time out
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
                \"\"\"Pare-Feu\"\" sur le port utilisé (25)")
        FIN

        PROCEDURE Initialise_Email()
        Email.Expéditeur = "ada@example.org"
        Email.Destinataire[1] = "bob@example.org"
        Email.Sujet = "Les chiffres de l'été"
        Email.Message = "Bonjour," + RC + "les voici."
        ''', "utf-8")
        exécuter = [sys.executable, "-m", "courriel", "wlangage", "run", page, "--via", "smtp://127.0.0.1:$port"]
        donné = ["--lang", "fr", "--set", "sNomUser=ada", "--set", "sMotDePasse=env:MAIL_PASSWORD"]
        fini = subprocess.run([*exécuter, *donné], env={**os.environ, "MAIL_PASSWORD": "secret"}, capture_output=True)
        print((fini.stdout + fini.stderr).decode(), "statut", fini.returncode)
        """,
        """
        import os, subprocess, sys
        from pathlib import Path

        page = Path("$page")
        # Initialize_Email is what the page calls and does not show.
        page.write_text('''
        EmailSetTimeOut(10) // 10 seconds for the time-out
        let sSMTPServer = "smtp.orange.fr"
        IF EmailStartSMTPSession(sUserName, sPassword, sSMTPServer) = True THEN
            // Procedure used to initialize the email structure
            Initialize_Email()
            // Send the email
            IF EmailSendMessage(sUserName) = False THEN
                Error()
            END
            EmailCloseSession(sUserName)
        ELSE
            Error("Unable to establish connection", ErrorInfo())
        END

        PROCEDURE Initialize_Email()
        Email.Sender = "ada@example.org"
        Email.Recipient[1] = "bob@example.org"
        Email.Subject = "The café's figures"
        Email.Message = "Hello," + CR + "here they are."
        ''', "utf-8")
        run = [sys.executable, "-m", "courriel", "wlangage", "run", page, "--via", "smtp://127.0.0.1:$port"]
        given = ["--lang", "en", "--set", "sUserName=ada", "--set", "sPassword=env:MAIL_PASSWORD"]
        done = subprocess.run([*run, *given], env={**os.environ, "MAIL_PASSWORD": "secret"}, capture_output=True)
        print((done.stdout + done.stderr).decode(), "status", done.returncode)
        """,
    ),
    one_letter(tls=False),
)
