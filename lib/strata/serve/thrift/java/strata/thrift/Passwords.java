package strata.thrift;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Iterator;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.security.sasl.AuthenticationException;
import org.apache.hive.service.auth.PasswdAuthenticationProvider;
import org.apache.spark.SparkEnv;

/**
 * Who may come in, by a file of lines `name:pbkdf2_sha256:rounds:salt:hash`, both in hexadecimal.
 * Hive's hook for authentication of one's own. The file is read each time, so a change holds at once.
 */
public final class Passwords implements PasswdAuthenticationProvider {
    /** Compared with for an unknown name, so that it takes as long as a wrong password. */
    private static final String NOBODY =
        ":pbkdf2_sha256:600000:00:0000000000000000000000000000000000000000000000000000000000000000";

    public void Authenticate(String user, String password) throws AuthenticationException {
        String[] known = NOBODY.split(":");
        boolean listed = false;
        try {
            String file = SparkEnv.get().conf().get("spark.strata.passwords");
            Iterator lines = Files.readAllLines(Paths.get(file, new String[0]), StandardCharsets.UTF_8).iterator();
            while (lines.hasNext()) {
                String[] parts = ((String) lines.next()).trim().split(":");
                if (parts.length == 5 && parts[0].equals(user)) {
                    known = parts;
                    listed = true;
                }
            }
            byte[] wanted = bytes(known[4]);
            byte[] given = hash(password, bytes(known[3]), Integer.parseInt(known[2]), wanted.length);
            if (listed && MessageDigest.isEqual(wanted, given)) {
                return;
            }
        } catch (IOException error) {
            throw new AuthenticationException("the password file cannot be read");
        } catch (GeneralSecurityException error) {
            throw new AuthenticationException("passwords cannot be checked here: " + error.getMessage());
        }
        throw new AuthenticationException("the name or the password is wrong");
    }

    private static byte[] hash(String password, byte[] salt, int rounds, int length) throws GeneralSecurityException {
        PBEKeySpec spec = new PBEKeySpec((password == null || password.isEmpty() ? " " : password).toCharArray(), salt, rounds, length * 8);
        return SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded();
    }

    private static byte[] bytes(String hex) {
        byte[] found = new byte[hex.length() / 2];
        for (int i = 0; i < found.length; i++) {
            found[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return found;
    }
}
