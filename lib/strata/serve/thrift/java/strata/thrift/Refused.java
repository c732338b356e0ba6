package strata.thrift;

/** A statement that is not answered; the message is the whole of what a client is told. */
public final class Refused extends RuntimeException {
    public Refused(String message) {
        super(message);
    }

    public String toString() {
        return getMessage();
    }
}
