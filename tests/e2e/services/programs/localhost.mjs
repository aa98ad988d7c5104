// Names below `.localhost` are this machine's, as RFC 6761 says, whatever the resolver thinks: Node is told with --import.
import dns from "node:dns";

const lookup = dns.lookup;
dns.lookup = (name, ...rest) => lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, ...rest);
