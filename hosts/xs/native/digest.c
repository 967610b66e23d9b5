/* SHA-1, SHA-256 and SHA-512 as FIPS 180-4 writes them: native on a device, so native here. */
#include "host.h"

static const uint64_t gxK512[80] = {
	0x428a2f98d728ae22ull, 0x7137449123ef65cdull, 0xb5c0fbcfec4d3b2full, 0xe9b5dba58189dbbcull,
	0x3956c25bf348b538ull, 0x59f111f1b605d019ull, 0x923f82a4af194f9bull, 0xab1c5ed5da6d8118ull,
	0xd807aa98a3030242ull, 0x12835b0145706fbeull, 0x243185be4ee4b28cull, 0x550c7dc3d5ffb4e2ull,
	0x72be5d74f27b896full, 0x80deb1fe3b1696b1ull, 0x9bdc06a725c71235ull, 0xc19bf174cf692694ull,
	0xe49b69c19ef14ad2ull, 0xefbe4786384f25e3ull, 0x0fc19dc68b8cd5b5ull, 0x240ca1cc77ac9c65ull,
	0x2de92c6f592b0275ull, 0x4a7484aa6ea6e483ull, 0x5cb0a9dcbd41fbd4ull, 0x76f988da831153b5ull,
	0x983e5152ee66dfabull, 0xa831c66d2db43210ull, 0xb00327c898fb213full, 0xbf597fc7beef0ee4ull,
	0xc6e00bf33da88fc2ull, 0xd5a79147930aa725ull, 0x06ca6351e003826full, 0x142929670a0e6e70ull,
	0x27b70a8546d22ffcull, 0x2e1b21385c26c926ull, 0x4d2c6dfc5ac42aedull, 0x53380d139d95b3dfull,
	0x650a73548baf63deull, 0x766a0abb3c77b2a8ull, 0x81c2c92e47edaee6ull, 0x92722c851482353bull,
	0xa2bfe8a14cf10364ull, 0xa81a664bbc423001ull, 0xc24b8b70d0f89791ull, 0xc76c51a30654be30ull,
	0xd192e819d6ef5218ull, 0xd69906245565a910ull, 0xf40e35855771202aull, 0x106aa07032bbd1b8ull,
	0x19a4c116b8d2d0c8ull, 0x1e376c085141ab53ull, 0x2748774cdf8eeb99ull, 0x34b0bcb5e19b48a8ull,
	0x391c0cb3c5c95a63ull, 0x4ed8aa4ae3418acbull, 0x5b9cca4f7763e373ull, 0x682e6ff3d6b2b8a3ull,
	0x748f82ee5defb2fcull, 0x78a5636f43172f60ull, 0x84c87814a1f0ab72ull, 0x8cc702081a6439ecull,
	0x90befffa23631e28ull, 0xa4506cebde82bde9ull, 0xbef9a3f7b2c67915ull, 0xc67178f2e372532bull,
	0xca273eceea26619cull, 0xd186b8c721c0c207ull, 0xeada7dd6cde0eb1eull, 0xf57d4f7fee6ed178ull,
	0x06f067aa72176fbaull, 0x0a637dc5a2c898a6ull, 0x113f9804bef90daeull, 0x1b710b35131c471bull,
	0x28db77f523047d84ull, 0x32caab7b40c72493ull, 0x3c9ebe0a15c9bebcull, 0x431d67c49c100d4cull,
	0x4cc5d4becb3e42b6ull, 0x597f299cfc657e2aull, 0x5fcb6fab3ad6faecull, 0x6c44198c4a475817ull,
};

static uint32_t right32(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }
static uint64_t right64(uint64_t x, int n) { return (x >> n) | (x << (64 - n)); }

void digestStart(txDigest* self, int algorithm)
{
	static const uint64_t first[8] = {
		0x6a09e667f3bcc908ull, 0xbb67ae8584caa73bull, 0x3c6ef372fe94f82bull, 0xa54ff53a5f1d36f1ull,
		0x510e527fade682d1ull, 0x9b05688c2b3e6c1full, 0x1f83d9abfb41bd6bull, 0x5be0cd19137e2179ull,
	};
	static const uint32_t first1[5] = {
		0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0,
	};
	memset(self, 0, sizeof(*self));
	self->algorithm = algorithm;
	for (int i = 0; i < 8; i++) {
		self->longs[i] = first[i];
		/* 5.3.3: SHA-256's are the first 32 of the 64 bits. */
		self->words[i] = (uint32_t)(first[i] >> 32);
	}
	if (algorithm == digestSha1)
		memcpy(self->words, first1, sizeof(first1));
}

static void block1(txDigest* self)
{
	uint32_t w[80];
	for (int t = 0; t < 16; t++)
		w[t] = (uint32_t)self->block[4 * t] << 24 | self->block[4 * t + 1] << 16 |
			self->block[4 * t + 2] << 8 | self->block[4 * t + 3];
	for (int t = 16; t < 80; t++)
		w[t] = right32(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 31);
	uint32_t a = self->words[0], b = self->words[1], c = self->words[2], d = self->words[3];
	uint32_t e = self->words[4];
	for (int t = 0; t < 80; t++) {
		uint32_t f, k;
		if (t < 20) { f = (b & c) ^ (~b & d); k = 0x5a827999; }
		else if (t < 40) { f = b ^ c ^ d; k = 0x6ed9eba1; }
		else if (t < 60) { f = (b & c) ^ (b & d) ^ (c & d); k = 0x8f1bbcdc; }
		else { f = b ^ c ^ d; k = 0xca62c1d6; }
		uint32_t next = right32(a, 27) + f + e + k + w[t];
		e = d; d = c; c = right32(b, 2); b = a; a = next;
	}
	self->words[0] += a; self->words[1] += b; self->words[2] += c; self->words[3] += d;
	self->words[4] += e;
}

static void block256(txDigest* self)
{
	uint32_t w[64], v[8];
	for (int t = 0; t < 16; t++)
		w[t] = (uint32_t)self->block[4 * t] << 24 | self->block[4 * t + 1] << 16 |
			self->block[4 * t + 2] << 8 | self->block[4 * t + 3];
	for (int t = 16; t < 64; t++) {
		uint32_t x = w[t - 15], y = w[t - 2];
		w[t] = (right32(y, 17) ^ right32(y, 19) ^ (y >> 10)) + w[t - 7] +
			(right32(x, 7) ^ right32(x, 18) ^ (x >> 3)) + w[t - 16];
	}
	memcpy(v, self->words, sizeof(v));
	for (int t = 0; t < 64; t++) {
		/* 4.2.2: SHA-256's constants are the first 32 bits of SHA-512's first 64. */
		uint32_t one = v[7] + (right32(v[4], 6) ^ right32(v[4], 11) ^ right32(v[4], 25)) +
			((v[4] & v[5]) ^ (~v[4] & v[6])) + (uint32_t)(gxK512[t] >> 32) + w[t];
		uint32_t two = (right32(v[0], 2) ^ right32(v[0], 13) ^ right32(v[0], 22)) +
			((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += one;
		v[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		self->words[i] += v[i];
}

static void block512(txDigest* self)
{
	uint64_t w[80], v[8];
	for (int t = 0; t < 16; t++) {
		w[t] = 0;
		for (int i = 0; i < 8; i++)
			w[t] = w[t] << 8 | self->block[8 * t + i];
	}
	for (int t = 16; t < 80; t++) {
		uint64_t x = w[t - 15], y = w[t - 2];
		w[t] = (right64(y, 19) ^ right64(y, 61) ^ (y >> 6)) + w[t - 7] +
			(right64(x, 1) ^ right64(x, 8) ^ (x >> 7)) + w[t - 16];
	}
	memcpy(v, self->longs, sizeof(v));
	for (int t = 0; t < 80; t++) {
		uint64_t one = v[7] + (right64(v[4], 14) ^ right64(v[4], 18) ^ right64(v[4], 41)) +
			((v[4] & v[5]) ^ (~v[4] & v[6])) + gxK512[t] + w[t];
		uint64_t two = (right64(v[0], 28) ^ right64(v[0], 34) ^ right64(v[0], 39)) +
			((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += one;
		v[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		self->longs[i] += v[i];
}

static unsigned blockBytes(const txDigest* self)
{
	return self->algorithm == digestSha512 ? 128 : 64;
}

static void put(txDigest* self, unsigned char byte)
{
	self->block[self->used++] = byte;
	if (self->used < blockBytes(self))
		return;
	if (self->algorithm == digestSha1) block1(self);
	else if (self->algorithm == digestSha256) block256(self);
	else block512(self);
	self->used = 0;
}

void digestWrite(txDigest* self, const unsigned char* bytes, size_t length)
{
	self->lengthBytes += length;
	while (length--)
		put(self, *bytes++);
}

unsigned digestClose(txDigest* self, unsigned char* into)
{
	/* 5.1: a one bit, zeros, the length in bits (its upper half of 128 bits is always zero here). */
	uint64_t bits = self->lengthBytes * 8;
	unsigned size = blockBytes(self);
	unsigned wordBytes = self->algorithm == digestSha512 ? 8 : 4;
	unsigned words = self->algorithm == digestSha1 ? 5 : 8;
	put(self, 0x80);
	while (self->used != size - 2 * wordBytes)
		put(self, 0);
	while (self->used != size - 8)
		put(self, 0);
	for (int i = 56; i >= 0; i -= 8)
		put(self, (unsigned char)(bits >> i));
	for (unsigned i = 0; i < words; i++)
		for (unsigned j = 0; j < wordBytes; j++) {
			uint64_t word = wordBytes == 8 ? self->longs[i] : self->words[i];
			into[i * wordBytes + j] = (unsigned char)(word >> (8 * (wordBytes - 1 - j)));
		}
	return words * wordBytes;
}
