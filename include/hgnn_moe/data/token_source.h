// Where sample sets take their tokens from: separate documents, or one long stream.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace hgnn_moe::data {

// Documents of at least one token each. Reading is const and thread-safe.
class Documents {
 public:
  virtual ~Documents() = default;
  std::int64_t size() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  std::int64_t length(std::int64_t document) const {
    return starts_[document + 1] - starts_[document];
  }
  // Tokens of all documents before `document`; start(size()) is the number of tokens.
  std::int64_t start(std::int64_t document) const { return starts_[document]; }
  // Writes tokens [first, first + count) of `document`.
  virtual void read(std::int64_t document, std::int64_t first, std::int64_t count,
                    std::int64_t* out) const = 0;

 protected:
  void add_document(std::int64_t length) { starts_.push_back(starts_.back() + length); }

 private:
  std::vector<std::int64_t> starts_{0};
};

// One sequence of tokens that windows are cut from. Reading is const and thread-safe.
class TokenStream {
 public:
  virtual ~TokenStream() = default;
  virtual std::int64_t size() const = 0;
  // Writes tokens [first, first + count).
  virtual void read(std::int64_t first, std::int64_t count, std::int64_t* out) const = 0;
};

// Documents joined, each followed by end_of_text_id. The stream is never stored: positions are
// found by binary search in the documents' starts.
class JoinedDocuments : public TokenStream {
 public:
  JoinedDocuments(std::unique_ptr<Documents> documents, std::int64_t end_of_text_id);
  std::int64_t size() const override;
  void read(std::int64_t first, std::int64_t count, std::int64_t* out) const override;

 private:
  // Position in the stream of the first token of `document`.
  std::int64_t joined_start(std::int64_t document) const;

  std::unique_ptr<Documents> documents_;
  std::int64_t end_of_text_id_;
};

}  // namespace hgnn_moe::data
