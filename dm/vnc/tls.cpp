#include "dm/vnc/tls.hpp"

#include "dm/vnc/libgnutls.hpp"

#include <poll.h>
#include <unistd.h>

namespace dm::vnc {
namespace {

constexpr unsigned kMostHandshakeBytes = 64 * 1024; // a chain of certificates

bool later(ssize_t code) {
    return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

Status readable(const std::string& file) {
    if (access(file.c_str(), R_OK) == 0) return {};
    return fail("{} cannot be read: put it there, or correct dir= of the -object", file);
}

Status understood(const LibGnuTls& tls, int code, const std::string& file) {
    if (code >= 0) return {};
    return fail("{}: {}", file, tls.strerror(code));
}

} // namespace

// ---- credentials

TlsCredentials::~TlsCredentials() {
    if (certificate_ != nullptr) tls_.certificate_free_credentials(certificate_);
    if (anonymous_ != nullptr) tls_.anon_free_server_credentials(anonymous_);
    if (priority_ != nullptr) tls_.priority_deinit(priority_);
}

Result<std::unique_ptr<TlsCredentials>> TlsCredentials::load(const VncTlsOptions& options) {
    const std::string what =
        fmt::format("-object {},id={}", options.x509 ? "tls-creds-x509" : "tls-creds-anon", options.id);
    const auto found = LibGnuTls::load();
    if (!found.ok()) return fail("{}: {}", what, found.error().message);
    const LibGnuTls& tls = *found.value();
    std::unique_ptr<TlsCredentials> made(new TlsCredentials(tls));
    made->verify_peer_ = options.x509 && options.verify_peer;
    if (options.x509) {
        if (const Status read = made->read_certificates(options); !read.ok())
            return fail("{}: {}", what, read.error().message);
    } else if (tls.anon_allocate_server_credentials(&made->anonymous_) != 0 ||
               tls.anon_set_server_known_dh_params(made->anonymous_, GNUTLS_SEC_PARAM_MEDIUM) != 0) {
        return fail("{}: out of memory", what);
    }
    std::string priority = options.priority.empty() ? "NORMAL" : options.priority;
    // TLS 1.3 knows no connection without certificates.
    if (!options.x509) priority += ":-VERS-TLS1.3:+ANON-ECDH:+ANON-DH";
    const char* where = nullptr;
    if (tls.priority_init(&made->priority_, priority.c_str(), &where) != 0)
        return fail("{}: priority={}: GnuTLS does not know '{}'", what, options.priority,
                    where != nullptr ? where : "");
    return made;
}

Status TlsCredentials::read_certificates(const VncTlsOptions& options) {
    const std::string authority = options.directory + "/ca-cert.pem";
    const std::string certificate = options.directory + "/server-cert.pem";
    const std::string key = options.directory + "/server-key.pem";
    if (tls_.certificate_allocate_credentials(&certificate_) != 0) return fail("out of memory");
    DM_TRY(readable(certificate));
    DM_TRY(readable(key));
    DM_TRY(understood(tls_,
                      tls_.certificate_set_x509_key_file2(certificate_, certificate.c_str(), key.c_str(),
                                                          GNUTLS_X509_FMT_PEM, nullptr, 0),
                      certificate + " and server-key.pem"));
    DM_TRY(
        understood(tls_, tls_.certificate_set_known_dh_params(certificate_, GNUTLS_SEC_PARAM_MEDIUM), key));
    if (!verify_peer_) return {};
    DM_TRY(readable(authority));
    const int trusted =
        tls_.certificate_set_x509_trust_file(certificate_, authority.c_str(), GNUTLS_X509_FMT_PEM);
    DM_TRY(understood(tls_, trusted, authority));
    if (trusted == 0) return fail("{} holds no certificate", authority);
    return read_revocations(options);
}

Status TlsCredentials::read_revocations(const VncTlsOptions& options) {
    const std::string revoked = options.directory + "/ca-crl.pem";
    if (access(revoked.c_str(), F_OK) != 0) return {};
    DM_TRY(readable(revoked));
    return understood(tls_,
                      tls_.certificate_set_x509_crl_file(certificate_, revoked.c_str(), GNUTLS_X509_FMT_PEM),
                      revoked);
}

// ---- one connection

std::unique_ptr<TlsStream> TlsStream::create(const TlsCredentials& credentials, int fd) {
    std::unique_ptr<TlsStream> stream(new TlsStream(credentials, fd));
    if (!stream->prepare().ok()) return nullptr;
    return stream;
}

TlsStream::~TlsStream() {
    if (session_ != nullptr) tls_.deinit(session_);
}

Status TlsStream::prepare() {
    int code = tls_.init(&session_, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
    if (code == 0) code = tls_.priority_set(session_, credentials_.priority_);
    if (code == 0)
        code = credentials_.x509()
                   ? tls_.credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials_.certificate_)
                   : tls_.credentials_set(session_, GNUTLS_CRD_ANON, credentials_.anonymous_);
    if (code != 0) return fail("{}", tls_.strerror(code));
    tls_.certificate_server_set_request(session_, credentials_.verify_peer() ? GNUTLS_CERT_REQUIRE
                                                                             : GNUTLS_CERT_IGNORE);
    tls_.handshake_set_max_packet_length(session_, kMostHandshakeBytes);
    tls_.transport_set_int2(session_, fd_, fd_);
    return {};
}

std::string TlsStream::shake_hands(Moment end) {
    for (;;) {
        const int code = tls_.handshake(session_);
        if (code == 0) return doubts();
        if (tls_.error_is_fatal(code) != 0) return fmt::format("TLS: {}", tls_.strerror(code));
        const short events = tls_.record_get_direction(session_) != 0 ? POLLOUT : POLLIN;
        if (ms_until(end) == 0 || !wait_for(fd_, events, end)) return "TLS: said nothing";
    }
}

/// Why the viewer is not who it says; empty: it may go on.
std::string TlsStream::doubts() const {
    if (!credentials_.verify_peer()) return {};
    unsigned status = 0;
    const int code = tls_.certificate_verify_peers2(session_, &status);
    if (code != 0) return fmt::format("TLS: {}", tls_.strerror(code));
    if (status == 0) return {};
    gnutls_datum_t text{};
    std::string why = "TLS: the certificate is not valid";
    if (tls_.certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) == 0) {
        why = fmt::format("TLS: {}", reinterpret_cast<const char*>(text.data));
        (*tls_.free)(text.data);
    }
    return why;
}

int TlsStream::read(std::span<u8> out) {
    const ssize_t n = tls_.record_recv(session_, out.data(), out.size());
    if (n > 0) return static_cast<int>(n);
    return later(n) ? kAgain : kEnded; // a wish to shake hands anew is not granted
}

int TlsStream::write(std::span<const u8> bytes) {
    // An unfinished record is finished without the bytes being looked at again.
    const ssize_t n = half_sent_ ? tls_.record_send(session_, nullptr, 0)
                                 : tls_.record_send(session_, bytes.data(), bytes.size());
    half_sent_ = later(n);
    if (n > 0) return static_cast<int>(n);
    return later(n) ? kAgain : kEnded;
}

bool TlsStream::buffered() const {
    return tls_.record_check_pending(session_) > 0;
}

void TlsStream::close() {
    tls_.bye(session_, GNUTLS_SHUT_WR);
}

} // namespace dm::vnc
