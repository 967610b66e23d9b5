/*
 * The board is another process: one request, one answer, over two pipes. Numbers are little-endian.
 * Request: operation (1 byte), a and b (doubles), length (4 bytes), body. Answer: status (1 byte),
 * value (double), length (4 bytes), body.
 */
#include "host.h"
#include <errno.h>

int gxHasBoard = 0;
/* Both sides send at most one envelope or one flash block, and headers. */
static unsigned char gxBody[65536];
static unsigned gxSecondsMax = 0;
static char gxTooLong[64];

/* `file`: 0 is read from, others are written. */
static void transfer(int file, const void* data, size_t length)
{
	unsigned char* p = (unsigned char*)data;
	while (length) {
		ssize_t done = file ? write(file, p, length) : read(file, p, length);
		if (done < 0 && errno == EINTR)
			continue;
		/* The board is gone: so is this device. */
		if (done <= 0)
			_exit(0);
		p += done;
		length -= done;
	}
}

static void exchange(int operation, double a, double b, const void* body, uint32_t length,
	txAnswer* answer)
{
	static unsigned char frame[21 + sizeof(gxBody)];
	unsigned char head[13];
	/* The time that the board takes is its own. */
	alarm(0);
	frame[0] = (unsigned char)operation;
	memcpy(frame + 1, &a, 8);
	memcpy(frame + 9, &b, 8);
	memcpy(frame + 17, &length, 4);
	memcpy(frame + 21, body, length);
	transfer(1, frame, 21 + length);
	transfer(0, head, sizeof(head));
	answer->status = head[0];
	memcpy(&answer->value, head + 1, 8);
	memcpy(&answer->length, head + 9, 4);
	if (answer->length > sizeof(gxBody))
		hostFail("an answer of the board has %u bytes", (unsigned)answer->length);
	transfer(0, gxBody, answer->length);
	answer->body = gxBody;
	alarm(gxSecondsMax);
}

void hostFail(const char* format, ...)
{
	char text[256];
	txAnswer answer;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr, "daruma-xs: %s\n", text);
	if (gxHasBoard)
		exchange(operationAbort, -1, 0, text, (uint32_t)strlen(text), &answer);
	_exit(exitBroken);
}

/* Comes between two requests only, so that it may send one; calls nothing that is not allowed. */
static void tooLong(int number unused)
{
	txAnswer answer;
	if (gxHasBoard)
		exchange(operationAbort, XS_TOO_MUCH_COMPUTATION_EXIT, 0, gxTooLong,
			(uint32_t)strlen(gxTooLong), &answer);
	else {
		transfer(2, gxTooLong, strlen(gxTooLong));
		transfer(2, "\n", 1);
	}
	_exit(exitAbortBase + XS_TOO_MUCH_COMPUTATION_EXIT);
}

void boardLimit(unsigned seconds)
{
	gxSecondsMax = seconds;
	snprintf(gxTooLong, sizeof(gxTooLong), "too much computation: %u s without a request", seconds);
	signal(SIGALRM, tooLong);
	alarm(seconds);
}

void boardRequest(int operation, double a, double b, const void* body, uint32_t length,
	txAnswer* answer)
{
	if (length > sizeof(gxBody))
		hostFail("a request has %u bytes", (unsigned)length);
	/* What the board and the pipes cost is no cost of the device. */
	CALLGRIND_TOGGLE_COLLECT;
	exchange(operation, a, b, length ? body : "", length, answer);
	CALLGRIND_TOGGLE_COLLECT;
}

void boardMark(txMachine* the, const char* phase)
{
	static unsigned collections = 0, signatures = 0;
	static txU4 meter = 0;
	char line[256];
	txAnswer answer;
	CALLGRIND_TOGGLE_COLLECT;
	CALLGRIND_DUMP_STATS_AT(phase);
	snprintf(line, sizeof(line), "%s %ld %ld %u %u %d %u", phase, (long)gxStats.peakChunkBytes,
		(long)gxStats.peakSlots, gxStats.collections - collections,
		(unsigned)(the->meterIndex - meter), (int)(the->keyIndex - the->keyOffset),
		gxStats.signatures - signatures);
	collections = gxStats.collections;
	signatures = gxStats.signatures;
	meter = the->meterIndex;
	statsReset();
	if (gxHasBoard)
		exchange(operationMark, 0, 0, line, (uint32_t)strlen(line), &answer);
	else
		printf("mark %s\n", line);
	CALLGRIND_TOGGLE_COLLECT;
}
