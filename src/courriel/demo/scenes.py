"""The steps of the demo, in order. The first three are the WLangage page's examples: one as it is, both in Python."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from courriel.demo.page import AS_IT_IS
from courriel.demo.scene import Both, Scene, explained_as, one_letter

if TYPE_CHECKING:
    from courriel.types import CapturedMessage


def _one_recipient_refused(output: str, letters: Sequence[CapturedMessage]) -> bool:
    """Check that one recipient got the mail, and the receipt shows the other's refusal."""
    return [letter.recipients for letter in letters] == [("bob@example.org",)] and "550 5.1.1" in output


def _read_equals_sent(output: str, letters: Sequence[CapturedMessage]) -> bool:
    """Check that the mail read is the mail sent."""
    return len(letters) == 1 and output.count(" - ") == 2 and letters[0].subject in output


def _sent_by_other_process(output: str, letters: Sequence[CapturedMessage]) -> bool:
    """Check that the mail survived its program on disk, and arrived once, sent by another."""
    first, last = (*output.splitlines(), "", "")[:2]
    return "READY" in first and "SENT client@example.org" in last and len(letters) == 1


def _returned(output: str, letters: Sequence[CapturedMessage]) -> bool:
    """Check that an accepted recipient became a returned one, and gets no more mail."""
    before, _, after = output.partition(" returned - ")
    told = "5.1.1" in after and ": returned" in " ".join(after.split()) and "suppression list" in after
    return "accepted" in before and told and len(letters) == 2


def _put_right(said: str, letters: Sequence[CapturedMessage]) -> bool:
    """Check that the doctor found the step that fails, and a URL that works, and that no mail left."""
    lines = said.splitlines()
    return not letters and "TLS-PORT-MIXUP" in said and "smtp+starttls://" in (lines or [""])[-1]


IN_CLEAR = Scene(
    Both(
        "WLangage, premier exemple : en clair, avec authentification", "WLangage, first example: in clear, with a login"
    ),
    Both(
        """
        from courriel.wlangage import *

        sNomUser, sMotDePasse, sServeurSMTP = "ada", "secret", "127.0.0.1"
        EmailChangeTimeOut(10)  # 10 secondes pour le time out
        if EmailOuvreSessionSMTP(sNomUser, sMotDePasse, sServeurSMTP, $port) == Vrai:
            Email.Expéditeur, Email.Destinataire = "ada@example.org", "client@example.org"
            Email.Sujet, Email.Message = "Les chiffres de l'été", "Bonjour, les voici."
            if EmailEnvoieMessage(sNomUser) == Faux:
                Erreur()
            EmailFermeSession(sNomUser)
        else:
            Erreur("Impossible d'établir la connexion", ErreurInfo())
        """,
        """
        from courriel.wlangage import *

        sUserName, sPassword, sSMTPServer = "ada", "secret", "127.0.0.1"
        EmailSetTimeOut(10)  # 10 seconds for the time-out
        if EmailStartSMTPSession(sUserName, sPassword, sSMTPServer, $port) == True:
            Email.Sender, Email.Recipient = "ada@example.org", "client@example.org"
            Email.Subject, Email.Message = "The café's figures", "Hello, here they are."
            if EmailSendMessage(sUserName) == False:
                Error()
            EmailCloseSession(sUserName)
        else:
            Error("Unable to establish connection", ErrorInfo())
        """,
    ),
    one_letter(tls=False),
)

SECURED = Scene(
    Both("WLangage, second exemple : emailOptionSécuriséTLS", "WLangage, second example: emailOptionSecuredTLS"),
    Both(
        """
        NomUser = "ada"
        if EmailOuvreSessionSMTP(NomUser, "secret", "127.0.0.1", $port, Faux, emailOptionSécuriséTLS) == Vrai:
            Email.Sujet = "Les mêmes, par une connexion chiffrée"
            if EmailEnvoieMessage(NomUser) == Faux:
                Erreur()
            EmailFermeSession(NomUser)
        else:
            Erreur("Impossible d'établir la connexion", ErreurInfo())
        """,
        """
        UserName = "ada"
        if EmailStartSMTPSession(UserName, "secret", "127.0.0.1", $port, False, emailOptionSecuredTLS) == True:
            Email.Subject = "The café's figures, on a secured line"
            if EmailSendMessage(UserName) == False:
                Error()
            EmailCloseSession(UserName)
        else:
            Error("Unable to establish connection", ErrorInfo())
        """,
    ),
    one_letter(tls=True),
)

READ = Scene(
    Both("WLangage : la même session lit aussi, par POP3", "WLangage: the same session reads as well, by POP3"),
    Both(
        """
        EmailOuvreSessionSMTP("ada", "secret", "127.0.0.1", $port)
        Email.Expéditeur, Email.Destinataire = "bob@example.org", "ada@example.org"
        Email.Sujet, Email.Message = "Relevé d'été", "À lire avant lundi."
        EmailEnvoieMessage("ada")

        EmailOuvreSessionPOP3("ada", "secret", "127.0.0.1", $pop_port)  # le même nom, l'autre moitié
        EmailLitPremier("ada")
        while Email.EnDehors == Faux:
            print(Email.Expéditeur, "-", Email.Sujet, "-", Email.Message)
            EmailLitSuivant("ada")
        EmailFermeSession("ada")
        """,
        """
        EmailStartSMTPSession("ada", "secret", "127.0.0.1", $port)
        Email.Sender, Email.Recipient = "bob@example.org", "ada@example.org"
        Email.Subject, Email.Message = "Café statement", "Please read it before Monday."
        EmailSendMessage("ada")

        EmailStartPOP3Session("ada", "secret", "127.0.0.1", $pop_port)  # the same name, the other half
        EmailReadFirst("ada")
        while Email.Out == False:
            print(Email.Sender, "-", Email.Subject, "-", Email.Message)
            EmailReadNext("ada")
        EmailCloseSession("ada")
        """,
    ),
    _read_equals_sent,
)

IN_PYTHON = Scene(
    Both("Python : accents, HTML et pièce jointe, par TLS", "Python: accents, HTML and an attachment, over TLS"),
    Both(
        """
        from courriel import Message, Password, Security, Server, SmtpSession, Trust

        message = Message(
            sender="Ada <ada@example.org>",
            to="bob@example.org",
            subject="Été : + 12 %",
            html="<p>Bonjour, l'été a été <b>bon</b> : voir le tableau.</p>",
        ).with_data("mois;total\\njuin;1200\\njuillet;1344\\n", "été.csv")

        trust = Trust.file("$ca")
        server = Server("127.0.0.1", $tls_port, Security.TLS, trust=trust)
        with SmtpSession(server, Password("ada", "secret")) as session:
            receipt = session.send(message)
        print("accepté par", receipt.server, "pour", *receipt.accepted, "-", receipt.reply)
        """,
        """
        from courriel import Message, Password, Security, Server, SmtpSession, Trust

        message = Message(
            sender="Ada <ada@example.org>",
            to="bob@example.org",
            subject="The café: + 12 %",
            html="<p>Hello, the summer was <b>good</b>: see the table.</p>",
        ).with_data("month;total\\nJune;1200\\nJuly;1344\\n", "café.csv")

        trust = Trust.file("$ca")
        server = Server("127.0.0.1", $tls_port, Security.TLS, trust=trust)
        with SmtpSession(server, Password("ada", "secret")) as session:
            receipt = session.send(message)
        print("accepted by", receipt.server, "for", *receipt.accepted, "-", receipt.reply)
        """,
    ),
    one_letter(tls=True, html=True),
)

ONE_REFUSED = Scene(
    Both(
        "Un destinataire est refusé : le reçu dit le sort de chacun",
        "One recipient is refused: the receipt tells each fate",
    ),
    Both(
        """
        import courriel

        sandbox.refuse("parti@example.org")  # le serveur d'entraînement joue la panne
        receipt = courriel.send(message, to=["bob@example.org", "parti@example.org"], via="smtp://127.0.0.1:$port")
        for adresse in receipt.accepted:
            print("accepté :", adresse)
        for adresse, réponse in receipt.refused.items():
            print("refusé  :", adresse, "-", réponse)
        """,
        """
        import courriel

        sandbox.refuse("gone@example.org")  # the practice server plays the failure
        receipt = courriel.send(message, to=["bob@example.org", "gone@example.org"], via="smtp://127.0.0.1:$port")
        for address in receipt.accepted:
            print("accepted:", address)
        for address, reply in receipt.refused.items():
            print("refused: ", address, "-", reply)
        """,
    ),
    _one_recipient_refused,
)

WRONG_PASSWORD = Scene(
    Both("Un mot de passe faux, et ce qu'on lit alors", "A wrong password, and what one reads then"),
    Both(
        """
        if EmailOuvreSessionSMTP("ada", "sésame", "127.0.0.1", $port, Faux, emailOptionSécuriséTLS) == Faux:
            Erreur()
        """,
        """
        if EmailStartSMTPSession("ada", "sesame", "127.0.0.1", $port, False, emailOptionSecuredTLS) == False:
            Error()
        """,
    ),
    explained_as("LOGIN-REFUSED"),
)

WRONG_PORT = Scene(
    Both(
        "Deux ports faux : rien n'y écoute ; on y attend STARTTLS, et non TLS immédiat",
        "Two wrong ports: nothing listens there; STARTTLS is expected there, not TLS from the first byte",
    ),
    Both(
        """
        for port in $closed_port, $port:
            try:
                courriel.send(message, via=f"smtps://127.0.0.1:{port}")
            except courriel.CourrielError as error:  # son texte est en anglais, pour les journaux
                print(error, f"Cause : {error.cause}", f"À faire : {error.hint}", sep="\\n")
        """,
        """
        for port in $closed_port, $port:
            try:
                courriel.send(message, via=f"smtps://127.0.0.1:{port}")
            except courriel.CourrielError as error:
                print(error, f"Cause: {error.cause}", f"Fix: {error.hint}", sep="\\n")
        """,
    ),
    explained_as("CONNECTION-REFUSED", "TLS-PORT-MIXUP"),
)

DOCTOR = Scene(
    Both(
        "Le docteur visite un serveur au mauvais port, et trouve l'URL qui marche",
        "The doctor visits a server at the wrong port, and finds the URL that works",
    ),
    Both(
        """
        from courriel import doctor

        visite = doctor.examine("smtps://ada@127.0.0.1:$port", login=False)  # en ligne de commande : courriel doctor
        print(visite.verdict.fr)
        for étape in visite.steps:
            print(f"  {étape.name:<10} {étape.status:<7} {étape.finding.fr}", étape.failure)
        print("essayé, et qui marche :", visite.corrected)
        """,
        """
        from courriel import doctor

        visit = doctor.examine("smtps://ada@127.0.0.1:$port", login=False)  # on the command line: courriel doctor
        print(visit.verdict.en)
        for step in visit.steps:
            print(f"  {step.name:<10} {step.status:<7} {step.finding.en}", step.failure)
        print("tried, and works:", visit.corrected)
        """,
    ),
    _put_right,
)

OUTBOX = Scene(
    Both(
        "La boîte d'envoi : le programme est tué avant d'avoir envoyé, un autre envoie",
        "The outbox: the program is killed before it has sent, another one sends",
    ),
    Both(
        """
        import subprocess, sys
        from courriel import Outbox

        program = '''
        import os
        from courriel import Message, Outbox

        facture = Message(sender="ada@example.org", to="client@example.org", subject="Facture payée", text="Merci.")
        Outbox("$outbox").put(facture, via="smtp://127.0.0.1:$port", key="facture-42")
        os.kill(os.getpid(), 9)  # tué : rien n'est parti encore
        '''
        tué = subprocess.run([sys.executable, "-c", program])
        outbox = Outbox("$outbox")
        état = outbox.get(key="facture-42").status.name
        print("le programme est mort, statut", tué.returncode, "; le message :", état)

        worker = [sys.executable, "-m", "courriel", "worker", "--once", "--outbox", "$outbox"]
        subprocess.run(worker, check=True, capture_output=True)
        facture = outbox.get(key="facture-42").info
        print("un autre processus a envoyé :", facture.state.name, *facture.accepted)
        """,
        """
        import subprocess, sys
        from courriel import Outbox

        program = '''
        import os
        from courriel import Message, Outbox

        invoice = Message(sender="ada@example.org", to="client@example.org", subject="Café invoice", text="Thanks.")
        Outbox("$outbox").put(invoice, via="smtp://127.0.0.1:$port", key="invoice-42")
        os.kill(os.getpid(), 9)  # killed: nothing has left yet
        '''
        killed = subprocess.run([sys.executable, "-c", program])
        outbox = Outbox("$outbox")
        print("the program died, status", killed.returncode, "; the mail:", outbox.get(key="invoice-42").status.name)

        worker = [sys.executable, "-m", "courriel", "worker", "--once", "--outbox", "$outbox"]
        subprocess.run(worker, check=True, capture_output=True)
        invoice = outbox.get(key="invoice-42").info
        print("another process has sent it:", invoice.state.name, *invoice.accepted)
        """,
    ),
    _sent_by_other_process,
)

RETURNED = Scene(
    Both(
        "Un message accepté revient : la boîte d'envoi le dit, et n'écrit plus à cette adresse",
        "An accepted mail comes back: the outbox says so, and writes to that address no more",
    ),
    Both(
        """
        import courriel
        from courriel import Message, Outbox, errors

        outbox = Outbox("$outbox")
        rappel = Message(sender="ada@example.org", to="parti@example.com", subject="Rappel d'été", text="Bonjour.")
        ticket = outbox.put(rappel, via="smtp://127.0.0.1:$port")
        outbox.run_once()
        print("d'abord :", ticket.info.standings["parti@example.com"].value)

        sandbox.bounce(sandbox.letters[-1])  # un serveur plus loin le renvoie, minutes ou heures après
        with courriel.mailbox("imap://ada:secret@127.0.0.1:$imap_port?tls=none") as boîte:
            for rapport in outbox.watch_bounces(boîte, once=True):
                for note in rapport.entries:
                    print("rapport :", note.recipient, note.event, "-", note.text)
        print("ensuite :", ticket.info.standings["parti@example.com"].value)
        try:
            outbox.put(rappel, via="smtp://127.0.0.1:$port")
        except errors.SuppressedRecipients as error:  # son texte est en anglais, pour les journaux
            print(error, f"À faire : {error.hint}", sep="\\n")
        """,
        """
        import courriel
        from courriel import Message, Outbox, errors

        outbox = Outbox("$outbox")
        reminder = Message(sender="ada@example.org", to="gone@example.com", subject="Café reminder", text="Hello.")
        ticket = outbox.put(reminder, via="smtp://127.0.0.1:$port")
        outbox.run_once()
        print("at first:", ticket.info.standings["gone@example.com"].value)

        sandbox.bounce(sandbox.letters[-1])  # a server further on returns it, minutes or hours later
        with courriel.mailbox("imap://ada:secret@127.0.0.1:$imap_port?tls=none") as mailbox:
            for report in outbox.watch_bounces(mailbox, once=True):
                for entry in report.entries:
                    print("report:  ", entry.recipient, entry.event, "-", entry.text)
        print("then:    ", ticket.info.standings["gone@example.com"].value)
        try:
            outbox.put(reminder, via="smtp://127.0.0.1:$port")
        except errors.SuppressedRecipients as error:
            print(error, f"Fix: {error.hint}", sep="\\n")
        """,
    ),
    _returned,
)

_NEEDING_LARK = (AS_IT_IS,) if find_spec("lark") else ()

SCENES = (
    *_NEEDING_LARK, IN_CLEAR, SECURED, READ, IN_PYTHON, ONE_REFUSED, WRONG_PASSWORD, WRONG_PORT, DOCTOR, OUTBOX,
    RETURNED,
)  # fmt: skip
