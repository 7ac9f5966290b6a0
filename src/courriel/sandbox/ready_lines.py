"""Ready lines for programs that are to send to the sandbox: one for each framework, to be pasted."""

from __future__ import annotations


def ready_lines(host: str, port: int) -> dict[str, str]:
    """Settings by the name of the framework, for the port without TLS.

    nodemailer, Symfony and Rails take the STARTTLS that is offered there, and would refuse the sandbox's certificate.
    """
    shown = f"[{host}]" if ":" in host else host
    return {
        "Django": f'EMAIL_HOST = "{host}"; EMAIL_PORT = {port}',
        "Flask": f'MAIL_SERVER = "{host}"; MAIL_PORT = {port}',
        "Node": f'nodemailer.createTransport("smtp://{shown}:{port}?ignoreTLS=true")',
        "PHP": f"MAILER_DSN=smtp://{shown}:{port}?verify_peer=0",
        "Rails": (
            f'config.action_mailer.smtp_settings = {{ address: "{host}", port: {port}, enable_starttls_auto: false }}'
        ),
        "WINDEV": f'EmailOuvreSessionSMTP("moi", "", "{host}", {port})',
    }
