// A certificate authority for tests, in a folder as QEMU's tls-creds-x509 wants it.
#pragma once

#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string>

namespace dm::vnc::test {

class Certificates {
public:
    Certificates() {
        std::string pattern = std::filesystem::temp_directory_path() / "hvmdm-tls-XXXXXX";
        directory_ = mkdtemp(pattern.data());
        const Identity ca = make("Test CA", nullptr);
        write("ca-cert.pem", pem(ca.certificate));
        for (const std::string name : {"server", "client"}) {
            const Identity one = make(name, &ca);
            write(name + "-cert.pem", pem(one.certificate));
            write(name + "-key.pem", pem(one.key));
            release(one);
        }
        const Identity stranger = make("stranger", nullptr);
        write("stranger-cert.pem", pem(stranger.certificate));
        write("stranger-key.pem", pem(stranger.key));
        release(stranger);
        release(ca);
    }
    ~Certificates() { std::filesystem::remove_all(directory_); }
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;

    const std::string& directory() const { return directory_; }
    std::string file(const std::string& name) const { return directory_ + "/" + name; }
    void write(const std::string& name, const std::string& text) const { std::ofstream(file(name)) << text; }

private:
    struct Identity {
        gnutls_x509_privkey_t key = nullptr;
        gnutls_x509_crt_t certificate = nullptr;
    };
    static void release(const Identity& one) {
        gnutls_x509_crt_deinit(one.certificate);
        gnutls_x509_privkey_deinit(one.key);
    }
    /// Signed by `authority`, or by itself.
    static Identity make(const std::string& name, const Identity* authority) {
        Identity one;
        gnutls_x509_privkey_init(&one.key);
        gnutls_x509_privkey_generate(one.key, GNUTLS_PK_ECDSA,
                                     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
        gnutls_x509_crt_init(&one.certificate);
        gnutls_x509_crt_t c = one.certificate;
        gnutls_x509_crt_set_version(c, 3);
        gnutls_x509_crt_set_key(c, one.key);
        gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, name.data(),
                                      static_cast<unsigned>(name.size()));
        static unsigned char serial = 0;
        ++serial;
        gnutls_x509_crt_set_serial(c, &serial, 1);
        gnutls_x509_crt_set_activation_time(c, time(nullptr) - 3600);
        gnutls_x509_crt_set_expiration_time(c, time(nullptr) + 86400);
        gnutls_x509_crt_set_ca_status(c, authority == nullptr ? 1 : 0);
        gnutls_x509_crt_set_key_usage(c, authority == nullptr ? GNUTLS_KEY_KEY_CERT_SIGN
                                                              : GNUTLS_KEY_DIGITAL_SIGNATURE);
        const std::array<unsigned char, 4> loopback = {127, 0, 0, 1};
        gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, loopback.data(), loopback.size(), 0);
        gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_APPEND);
        const Identity& signer = authority == nullptr ? one : *authority;
        gnutls_x509_crt_sign2(c, signer.certificate, signer.key, GNUTLS_DIG_SHA256, 0);
        return one;
    }
    static std::string pem(gnutls_x509_crt_t certificate) {
        gnutls_datum_t text{};
        gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text);
        return take(text);
    }
    static std::string pem(gnutls_x509_privkey_t key) {
        gnutls_datum_t text{};
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN, &text);
        return take(text);
    }
    static std::string take(const gnutls_datum_t& text) {
        const std::string copy(reinterpret_cast<const char*>(text.data), text.size);
        gnutls_free(text.data);
        return copy;
    }

    std::string directory_;
};

} // namespace dm::vnc::test
