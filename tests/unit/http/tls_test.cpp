// The same over TLS: what is hostile stays refused, and certificates are replaced while it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include "client.h"
#include "core/files.h"
#include "hostile_requests.h"
#include "http/server.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using ::testing::HasSubstr;

// A key and a certificate that vouches for itself, as PEM files.
void write_certificate(const TemporaryFolder& folder, long serial) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<FILE, int (*)(FILE*)> key_file(std::fopen((folder / "key.pem").c_str(), "w"), std::fclose);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen((folder / "cert.pem").c_str(), "w"), std::fclose);
  ASSERT_TRUE(PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr));
  ASSERT_TRUE(PEM_write_X509(file.get(), certificate.get()));
}

class TlsClient {
 public:
  explicit TlsClient(uint16_t port)
      : client_(port), context_(SSL_CTX_new(TLS_client_method())), tls_(SSL_new(context_)) {
    std::signal(SIGPIPE, SIG_IGN);  // of a server that closed before all was sent
    SSL_set_fd(tls_, client_.descriptor());
    is_open_ = SSL_connect(tls_) == 1;
  }
  ~TlsClient() {
    SSL_free(tls_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool is_open() const { return is_open_; }
  long serial() const {
    const std::unique_ptr<X509, void (*)(X509*)> certificate(SSL_get1_peer_certificate(tls_), X509_free);
    return ASN1_INTEGER_get(X509_get0_serialNumber(certificate.get()));
  }
  // What the other side does not take any more is no failure. Nothing more is sent after it.
  std::string ask(std::string_view text) {
    SSL_write(tls_, text.data(), static_cast<int>(text.size()));
    SSL_shutdown(tls_);
    std::string out;
    char buffer[4096];
    for (int got; (got = SSL_read(tls_, buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<size_t>(got));
    return out;
  }

 private:
  RawClient client_;
  SSL_CTX* context_;
  SSL* tls_;
  bool is_open_;
};

struct TlsServer {
  explicit TlsServer(const TemporaryFolder& folder)
      : http(
            options(folder), [](const Request&) { return std::nullopt; },
            [](const ExchangePtr& exchange) {
              exchange->respond(Response(200, "text/plain", exchange->request().encrypted ? "encrypted" : "plain"));
            },
            silent_log()),
        thread([this] { http.run(); }) {}
  ~TlsServer() {
    http.stop();
    thread.join();
  }
  static HttpOptions options(const TemporaryFolder& folder) {
    HttpOptions out;
    out.tls = TlsFiles{folder / "cert.pem", folder / "key.pem"};
    out.head.bytes = 8192;
    out.body_bytes = 1 << 20;
    return out;
  }
  HttpServer http;
  std::thread thread;
};

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

TEST(Tls, SpeaksAndRefusesAsWithoutIt) {
  const TemporaryFolder folder;
  write_certificate(folder, 1);
  TlsServer server(folder);
  EXPECT_THAT(TlsClient(server.http.port()).ask(kGet), HasSubstr("\r\n\r\nencrypted"));
  for (const HostileRequest& hostile : hostile_requests()) {
    const std::string answer = TlsClient(server.http.port()).ask(hostile.bytes);
    const int status = answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
    EXPECT_THAT(hostile.statuses, ::testing::Contains(status)) << hostile.bytes.substr(0, 200);
  }
  RawClient plain(server.http.port());
  plain.send(kGet);
  EXPECT_THAT(plain.read_all(), ::testing::Not(HasSubstr("200 OK")));
}

TEST(Tls, CertificatesAreReplacedWhileItRuns) {
  const TemporaryFolder folder;
  write_certificate(folder, 1);
  TlsServer server(folder);
  EXPECT_EQ(TlsClient(server.http.port()).serial(), 1);
  const auto reloaded = [&](long wanted) {  // it happens on the server's thread
    for (int i = 0; i < 1000; ++i)
      if (TlsClient(server.http.port()).serial() == wanted) return true;
    return false;
  };
  write_certificate(folder, 2);
  server.http.reload_tls();
  EXPECT_TRUE(reloaded(2));
  write_file_atomically(folder / "cert.pem", "no certificate");
  server.http.reload_tls();
  EXPECT_TRUE(TlsClient(server.http.port()).is_open()) << "what cannot be used changes nothing";
  EXPECT_TRUE(reloaded(2));
}

TEST(Tls, FilesThatAreNoneAreRefused) {
  const TemporaryFolder folder;
  EXPECT_ERROR(TlsServer{folder}, ErrorKind::BadFile, "no certificate");
  write_certificate(folder, 1);
  write_file_atomically(folder / "key.pem", "no key");
  EXPECT_ERROR(TlsServer{folder}, ErrorKind::BadFile, "not its key");
}

}  // namespace
}  // namespace newbie
