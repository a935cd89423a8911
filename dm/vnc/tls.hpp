// TLS for viewers, by GnuTLS: certificates as QEMU's `-object tls-creds-x509` and `tls-creds-anon` name them.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/vnc_options.hpp"
#include "dm/vnc/stream.hpp"

#include <memory>
#include <string>

// GnuTLS's handles.
struct gnutls_session_int;
struct gnutls_certificate_credentials_st;
struct gnutls_anon_server_credentials_st;
struct gnutls_priority_st;

namespace dm::vnc {

struct LibGnuTls;

/// What all sessions share. Read once, at the start; nothing changes afterwards.
class TlsCredentials {
public:
    /// Errors name the file and what is wrong with it.
    static Result<std::unique_ptr<TlsCredentials>> load(const VncTlsOptions& options);
    ~TlsCredentials();
    TlsCredentials(const TlsCredentials&) = delete;
    TlsCredentials& operator=(const TlsCredentials&) = delete;

    bool x509() const { return certificate_ != nullptr; }
    bool verify_peer() const { return verify_peer_; }

private:
    friend class TlsStream;
    explicit TlsCredentials(const LibGnuTls& tls) : tls_(tls) {}
    Status read_certificates(const VncTlsOptions& options);
    Status read_revocations(const VncTlsOptions& options);

    const LibGnuTls& tls_;
    gnutls_certificate_credentials_st* certificate_ = nullptr;
    gnutls_anon_server_credentials_st* anonymous_ = nullptr;
    gnutls_priority_st* priority_ = nullptr;
    bool verify_peer_ = false;
};

/// The server's end of one connection.
class TlsStream final : public Stream {
public:
    /// `credentials` and the descriptor must outlive it. Null: out of memory.
    static std::unique_ptr<TlsStream> create(const TlsCredentials& credentials, int fd);
    ~TlsStream() override;
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    /// Empty: done. Otherwise why not.
    std::string shake_hands(Moment end);

    int read(std::span<u8> out) override;
    int write(std::span<const u8> bytes) override;
    int fd() const override { return fd_; }
    bool buffered() const override;
    void close() override;

private:
    TlsStream(const TlsCredentials& credentials, int fd)
        : tls_(credentials.tls_), credentials_(credentials), fd_(fd) {}
    Status prepare();
    std::string doubts() const;

    const LibGnuTls& tls_;
    const TlsCredentials& credentials_;
    int fd_;
    gnutls_session_int* session_ = nullptr;
    bool half_sent_ = false; ///< a record is on its way, its bytes are in GnuTLS
};

} // namespace dm::vnc
