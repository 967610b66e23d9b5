/* Functions of the host that JavaScript calls: the board, digests, marks. */
#include "host.h"

int gxPreloading = 0;
txMachine* gxDevice = NULL;
#define digestsMax 8
static txDigest gxDigests[digestsMax];

/* Modules are preloaded on the desk, where there is no device to speak to: xsl refuses it too. */
static void refuseWhilePreloading(txMachine* the)
{
	if (gxPreloading)
		mxTypeError("native function called while a module is preloaded");
}

/* Of those that a device pays for, so that what is live then is seen. */
static void beginRequest(txMachine* the)
{
	refuseWhilePreloading(the);
	if (gxCollectOften)
		fxCollectGarbage(the);
}

static txSlot* argument(txMachine* the, txInteger index)
{
	return mxArgc > index ? mxArgv(index) : NULL;
}

/* Bytes of a Uint8Array or of a string; NULL for undefined. */
static void* bytesOf(txMachine* the, txSlot* slot, txUnsigned* length, txBoolean isWritten)
{
	void* data = NULL;
	*length = 0;
	if (!slot || slot->kind == XS_UNDEFINED_KIND)
		return NULL;
	if (slot->kind == XS_STRING_KIND || slot->kind == XS_STRING_X_KIND) {
		if (isWritten)
			mxTypeError("a string cannot be written");
		*length = (txUnsigned)strlen(slot->value.string);
		return slot->value.string;
	}
	_xsmcGetBuffer(the, slot, &data, length, isWritten);
	return data;
}

static void throwAnswer(txMachine* the, const txAnswer* answer)
{
	char text[256];
	snprintf(text, sizeof(text), "%.*s", (int)answer->length, (char*)answer->body);
	mxUnknownError("%s", text);
}

static void request(txMachine* the, txAnswer* answer)
{
	txUnsigned length;
	double a = fxToNumber(the, mxArgv(1));
	double b = fxToNumber(the, mxArgv(2));
	void* from = bytesOf(the, argument(the, 3), &length, 0);
	txUnsigned room;
	if (!gxHasBoard)
		mxUnknownError("no board");
	/* The board has to know how much is asked for. */
	if (!from && bytesOf(the, argument(the, 4), &room, 0)) {
		from = &room;
		length = sizeof(room);
	}
	boardRequest(fxToInteger(the, mxArgv(0)), a, b, from, length, answer);
	if (answer->status == answerError)
		throwAnswer(the, answer);
}

/* boardCall(operation, a, b, from?, into?): number; the answer's body goes to `into`. */
static void boardCall(txMachine* the)
{
	txAnswer answer;
	txUnsigned room;
	beginRequest(the);
	request(the, &answer);
	if (argument(the, 4) && mxArgv(4)->kind != XS_UNDEFINED_KIND) {
		void* into = bytesOf(the, mxArgv(4), &room, 1);
		memcpy(into, answer.body, answer.length < room ? answer.length : room);
	}
	mxResult->kind = XS_NUMBER_KIND;
	mxResult->value.number = answer.value;
	if (answer.value >= INT32_MIN && answer.value <= INT32_MAX &&
		answer.value == (double)(txInteger)answer.value) {
		mxResult->kind = XS_INTEGER_KIND;
		mxResult->value.integer = (txInteger)answer.value;
	}
}

/* boardBytes(operation, a, b, from?): ArrayBuffer | undefined */
static void boardBytes(txMachine* the)
{
	txAnswer answer;
	beginRequest(the);
	request(the, &answer);
	if (answer.status != answerNone)
		fxArrayBuffer(the, mxResult, answer.body, (txInteger)answer.length, -1);
}

/* boardText(operation, a, b, from?): string | undefined */
static void boardText(txMachine* the)
{
	txAnswer answer;
	beginRequest(the);
	request(the, &answer);
	if (answer.status == answerNone)
		return;
	mxResult->value.string = fxNewChunk(the, (txSize)answer.length + 1);
	mxResult->kind = XS_STRING_KIND;
	memcpy(mxResult->value.string, answer.body, answer.length);
	mxResult->value.string[answer.length] = 0;
}

/* digestOpen(algorithm): number */
static void digestOpen(txMachine* the)
{
	beginRequest(the);
	txString name = fxToString(the, mxArgv(0));
	int algorithm = !strcmp(name, "SHA1") ? digestSha1 : !strcmp(name, "SHA256") ? digestSha256 :
		!strcmp(name, "SHA512") ? digestSha512 : 0;
	if (!algorithm)
		mxRangeError("digest: %s", name);
	for (txInteger i = 0; i < digestsMax; i++)
		if (!gxDigests[i].algorithm) {
			digestStart(&gxDigests[i], algorithm);
			mxResult->kind = XS_INTEGER_KIND;
			mxResult->value.integer = i;
			return;
		}
	/* An abandoned digest is not closed: a device frees it with its host object. */
	mxRangeError("too many open digests");
}

static txDigest* digestOf(txMachine* the)
{
	txInteger index = fxToInteger(the, mxArgv(0));
	if (index < 0 || index >= digestsMax || !gxDigests[index].algorithm)
		mxRangeError("no such digest");
	return &gxDigests[index];
}

/* digestFeed(digest, bytes) */
static void digestFeed(txMachine* the)
{
	txUnsigned length;
	refuseWhilePreloading(the);
	void* from = bytesOf(the, mxArgv(1), &length, 0);
	txDigest* digest = digestOf(the);
	/* A device has hardware for it: no cost of the machine. */
	CALLGRIND_TOGGLE_COLLECT;
	digestWrite(digest, from, length);
	CALLGRIND_TOGGLE_COLLECT;
}

/* digestEnd(digest): ArrayBuffer */
static void digestEnd(txMachine* the)
{
	unsigned char bytes[64];
	refuseWhilePreloading(the);
	txDigest* digest = digestOf(the);
	unsigned length = digestClose(digest, bytes);
	gxStats.signatures += digest->algorithm == digestSha512;
	digest->algorithm = 0;
	fxArrayBuffer(the, mxResult, bytes, (txInteger)length, -1);
}

/* hostMark(phase): the phase that was, ends here. */
static void hostMark(txMachine* the)
{
	char phase[64];
	refuseWhilePreloading(the);
	snprintf(phase, sizeof(phase), "%s", fxToString(the, mxArgv(0)));
	boardMark(the, phase);
}

/* hostOnAbort(hook): see fxAbort. */
txSlot gxAbortHook;
static void hostOnAbort(txMachine* the)
{
	beginRequest(the);
	/* Takes the slot out first, if it is there already. */
	fxRemember(the, &gxAbortHook);
	gxAbortHook.kind = mxArgv(0)->kind;
	gxAbortHook.value = mxArgv(0)->value;
}

/* hostPrint(text): a line for whoever runs the host. */
static void hostPrint(txMachine* the)
{
	refuseWhilePreloading(the);
	fprintf(stderr, "%s\n", fxToString(the, mxArgv(0)));
}

/* hostPrintBytes(bytes): the same for bytes, without a string made of them. */
static void hostPrintBytes(txMachine* the)
{
	txUnsigned length;
	refuseWhilePreloading(the);
	void* from = bytesOf(the, mxArgv(0), &length, 0);
	fprintf(stderr, "%.*s\n", (int)length, (char*)from);
}

/* hostCollect(): slots that are live, after a full collection. */
static void hostCollect(txMachine* the)
{
	refuseWhilePreloading(the);
	fxCollectGarbage(the);
	mxResult->kind = XS_INTEGER_KIND;
	mxResult->value.integer = gxStats.liveSlots;
}

void nativesBuild(txMachine* the)
{
	static const struct { txCallback callback; int length; char* name; } natives[] = {
		{ boardCall, 5, "boardCall" },
		{ boardBytes, 4, "boardBytes" },
		{ boardText, 4, "boardText" },
		{ digestOpen, 1, "digestOpen" },
		{ digestFeed, 2, "digestFeed" },
		{ digestEnd, 1, "digestEnd" },
		{ hostMark, 1, "hostMark" },
		{ hostOnAbort, 1, "hostOnAbort" },
		{ hostPrint, 1, "hostPrint" },
		{ hostPrintBytes, 1, "hostPrintBytes" },
		{ hostCollect, 0, "hostCollect" },
	};
	for (size_t i = 0; i < sizeof(natives) / sizeof(*natives); i++) {
		txID id = fxNewNameC(the, natives[i].name);
		fxNewHostFunction(the, natives[i].callback, natives[i].length, id, XS_NO_ID);
		mxPush(mxGlobal);
		mxDefineID(id, XS_DONT_ENUM_FLAG, XS_GET_ONLY);
		mxPop();
	}
}
