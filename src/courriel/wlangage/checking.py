"""Whether an address is one: EmailVérifieAdresse."""

from __future__ import annotations

from courriel.errors import InvalidAddress
from courriel.wlangage.constants import Checking, Verdict
from courriel.wlangage.desk import desk, here
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible, Problem, shown


@email_call(Verdict.ERREUR)
def EmailVérifieAdresse(Adresse: str, Niveau: int = Checking.PAR_SERVEUR) -> Verdict:
    """Say whether an address can be written to, in one of four values; ErreurInfo says why when it cannot.

        EmailVérifieAdresse(Adresse [, Niveau = emailValideParServeur])

    `emailValideSyntaxe` looks at the grammar only, the same that sending uses. `emailValideParServeur` also asks the
    name service for the domain: emailAdresseRefusée when there is none, emailAdresseErreur when nobody answers. The
    domain's own mail server is not called: today it says yes to everybody, or nothing to strangers.
    """
    from courriel import Address

    if not isinstance(Adresse, str) or isinstance(Niveau, bool) or Niveau not in set(Checking):
        raise ErreurWLangage(
            "attendu : EmailVérifieAdresse(Adresse [, emailValideSyntaxe | emailValideParServeur])",
            "expected: EmailCheckAddress(Address [, emailValidateSyntax | emailValidateByServer])",
        )
    try:
        address = Address.parse(Adresse)
    except InvalidAddress as wrong:
        here().problem = Problem.of(
            Impossible(
                f"« {shown(Adresse)} » n'est pas une adresse.", f'"{shown(Adresse)}" is not an address.', because=wrong
            )
        )
        return Verdict.SYNTAXE_INCORRECTE
    if Niveau == Checking.SYNTAXE or address.domain.startswith("["):
        return Verdict.VALIDE
    return _by_name_service(address.dns_domain)


# The steps.


def _by_name_service(domain: str) -> Verdict:
    """Whether mail for this domain has somewhere to go."""
    from courriel.delivery.domain import takes_mail

    if takes_mail(domain, desk.timeouts.connect):
        return Verdict.VALIDE
    here().problem = Problem.of(
        Impossible(
            f"Le domaine « {domain} » n'existe pas, ou ne reçoit pas de courrier.",
            f'The domain "{domain}" does not exist, or takes no mail.',
            hint_id="HOST-NOT-FOUND",
        )
    )
    return Verdict.REFUSÉE
