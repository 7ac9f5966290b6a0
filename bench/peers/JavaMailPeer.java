// JavaMail (Jakarta Mail): one Session, one connected Transport, `sendMessage` for each mail.
// (The static `Transport.send` would open a connection for every mail.)
import jakarta.mail.Address;
import jakarta.mail.Message;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeBodyPart;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class JavaMailPeer {
    static final String FROM = "bench@example.org", TO = "someone@example.org";
    static final com.sun.management.OperatingSystemMXBean SYSTEM =
            (com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory.getOperatingSystemMXBean();
    static String text, mergeText, mergeHtml, pattern;

    interface Maker { MimeMessage make(Session session, int number) throws Exception; }

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        text = Files.readString(folder.resolve("text.txt"));
        mergeText = Files.readString(folder.resolve("merge.txt"));
        mergeHtml = Files.readString(folder.resolve("merge.html"));
        pattern = Files.readString(folder.resolve("ready.eml"), StandardCharsets.ISO_8859_1);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            Map<String, String> job = new HashMap<>();
            for (String pair : line.trim().split("\\s+")) {
                int at = pair.indexOf('=');
                job.put(pair.substring(0, at), pair.substring(at + 1));
            }
            String answer;
            try {
                answer = work(job);
            } catch (Exception error) {
                answer = ("error " + error).replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
    }

    static String work(Map<String, String> job) throws Exception {
        int count = Integer.parseInt(job.getOrDefault("count", "1"));
        int sessions = Integer.parseInt(job.getOrDefault("sessions", "1"));
        Properties properties = new Properties();
        properties.put("mail.smtp.host", "127.0.0.1");
        properties.put("mail.smtp.port", job.get("port"));
        properties.put("mail.smtp.localhost", "bench");
        Session session = Session.getInstance(properties);
        Address[] to = recipients(Integer.parseInt(job.getOrDefault("recipients", "1")));
        Maker maker;
        switch (job.get("work")) {
            case "ready": case "single": case "many": {
                // Ready before the clock starts: parsed once, written as it is.
                MimeMessage[] mails = new MimeMessage[1000];
                for (int n = 0; n < mails.length; n++) {
                    byte[] raw = pattern.replace("000000", String.format("%06d", n)).getBytes(StandardCharsets.ISO_8859_1);
                    mails[n] = new MimeMessage(session, new ByteArrayInputStream(raw));
                }
                maker = (same, number) -> mails[number % 1000];
                break;
            }
            case "built": maker = JavaMailPeer::built; break;
            case "merge": maker = JavaMailPeer::merged; to = null; break;
            case "attachment": {
                String file = job.get("file");
                maker = (same, number) -> attached(same, file);
                break;
            }
            default: return "skip does not do " + job.get("work");
        }
        List<Transport> lines = new ArrayList<>();
        for (int n = 0; n < sessions; n++) {
            Transport line = session.getTransport("smtp");
            line.connect();
            lines.add(line);
        }
        Address[] everybody = to;
        long used = SYSTEM.getProcessCpuTime(), begun = System.nanoTime();
        if (sessions == 1) {
            send(lines.get(0), session, maker, everybody, 0, 1, count);
        } else {
            ExecutorService threads = Executors.newFixedThreadPool(sessions);
            List<Future<?>> done = new ArrayList<>();
            for (int n = 0; n < sessions; n++) {
                int rank = n;
                done.add(threads.submit(() -> {
                    send(lines.get(rank), session, maker, everybody, rank, sessions, count);
                    return null;
                }));
            }
            for (Future<?> each : done) each.get();
            threads.shutdown();
        }
        double seconds = (System.nanoTime() - begun) / 1e9;
        double core = (SYSTEM.getProcessCpuTime() - used) / 1e9;
        for (Transport line : lines) line.close();
        String peak = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM")).findFirst().orElse("0 0").replaceAll("\\D", "");
        return "ok seconds=" + seconds + " core=" + core + " sent=" + count + " peak=" + peak;
    }

    static void send(Transport line, Session session, Maker maker, Address[] to, int first, int step, int count)
            throws Exception {
        for (int n = first; n < count; n += step) {
            MimeMessage mail = maker.make(session, n);
            line.sendMessage(mail, to == null ? mail.getAllRecipients() : to);
        }
    }

    static Address[] recipients(int many) throws Exception {
        if (many == 1) return new Address[] {new InternetAddress(TO)};
        Address[] all = new Address[many];
        for (int n = 0; n < many; n++) all[n] = new InternetAddress("s" + n + "@example.org");
        return all;
    }

    static MimeMessage begun(Session session, String to, String subject) throws Exception {
        MimeMessage mail = new MimeMessage(session);
        mail.setFrom(new InternetAddress(FROM));
        mail.setRecipient(Message.RecipientType.TO, new InternetAddress(to));
        mail.setSubject(subject, "utf-8");
        mail.setSentDate(new java.util.Date());
        return mail;
    }

    static MimeMessage built(Session session, int number) throws Exception {
        MimeMessage mail = begun(session, TO, "A mail that was built");
        mail.setText(text, "utf-8");
        mail.saveChanges();
        return mail;
    }

    static MimeMessage merged(Session session, int number) throws Exception {
        String name = "Zoé Lefèvre " + number, order = String.format("2026-%05d", number);
        MimeMessage mail = begun(session, "zoe" + number + "@example.org", "Commande " + order + " prête");
        MimeBodyPart plain = new MimeBodyPart(), html = new MimeBodyPart();
        plain.setText(mergeText.replace("{name}", name).replace("{number}", order), "utf-8");
        html.setText(mergeHtml.replace("{name}", name).replace("{number}", order), "utf-8", "html");
        mail.setContent(new MimeMultipart("alternative", plain, html));
        mail.saveChanges();
        return mail;
    }

    static MimeMessage attached(Session session, String file) throws Exception {
        MimeMessage mail = begun(session, TO, "A mail that was built");
        MimeBodyPart plain = new MimeBodyPart(), beside = new MimeBodyPart();
        plain.setText("Attached.\n", "utf-8");
        beside.attachFile(file);
        mail.setContent(new MimeMultipart("mixed", plain, beside));
        mail.saveChanges();
        return mail;
    }
}
