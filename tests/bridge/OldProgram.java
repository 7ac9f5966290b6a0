// A program of JavaMail (Jakarta Mail) that knows user name and password only: it sends a ready mail, and reads it again.
//
//     java -cp … OldProgram.java SMTP-PORT IMAP-PORT USER MAIL-FILE RESULT-FILE      (the password is in $BRIDGE_PASSWORD)

import jakarta.mail.Folder;
import jakarta.mail.Message;
import jakarta.mail.Session;
import jakarta.mail.Store;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.util.Properties;

public final class OldProgram {
    public static void main(String[] words) throws Exception {
        int smtp = Integer.parseInt(words[0]);
        int imap = Integer.parseInt(words[1]);
        String user = words[2];
        String password = System.getenv("BRIDGE_PASSWORD");
        Properties settings = new Properties();
        settings.setProperty("mail.smtp.auth", "true");
        settings.setProperty("mail.smtp.from", user);
        Session session = Session.getInstance(settings);

        MimeMessage mail = new MimeMessage(session, new FileInputStream(words[3]));
        try (Transport transport = session.getTransport("smtp")) {
            transport.connect("127.0.0.1", smtp, user, password);
            transport.sendMessage(mail, new InternetAddress[] {new InternetAddress(user)});
        }

        try (Store store = session.getStore("imap")) {
            store.connect("127.0.0.1", imap, user, password);
            Folder inbox = store.getFolder("INBOX");
            inbox.open(Folder.READ_WRITE);
            for (int turn = 0; inbox.getMessageCount() == 0 && turn < 200; turn++) {
                Thread.sleep(50);
            }
            Message letter = inbox.getMessage(1);
            try (FileOutputStream result = new FileOutputStream(words[4])) {
                ((com.sun.mail.imap.IMAPMessage) letter).getMimeStream().transferTo(result);
            }
        }
    }
}
