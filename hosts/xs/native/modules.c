/*
 * Modules: found over the compiled tree, compiled outside every XS heap and linked against the root
 * machine's names. The code then lies in flash, as xsl's output does on a device: functions and
 * strings point into it and cost no RAM.
 */
#include "host.h"
#include <limits.h>

const char* gxModulesRoot = NULL;

typedef struct {
	const char* path;
	txSize codeBytes;
} txModuleSize;
static txModuleSize gxSizes[256];
static unsigned gxSizeCount = 0;

/* CommonJS packages are wrapped: `module.exports` becomes the default export. */
static const char gxCommonHead[] = "const module = { exports: {} }; const exports = module.exports;\n";
static const char gxCommonTail[] = "\nexport default module.exports;\n";

typedef struct {
	const char* name;
	const char* path;
	int isCommon;
} txPackage;
static const txPackage gxPackages[] = {
	{ "@noble/ed25519", "@noble/ed25519/index.js", 0 },
	{ "crc-32", "crc-32/crc32.js", 1 },
};

static const txPackage* packageOf(const char* path)
{
	for (size_t i = 0; i < sizeof(gxPackages) / sizeof(*gxPackages); i++) {
		const char* at = strstr(path, gxPackages[i].path);
		if (at && at[strlen(gxPackages[i].path)] == 0)
			return &gxPackages[i];
	}
	return NULL;
}

/* What the desk's own memory must have room for. */
static void* made(void* memory)
{
	if (!memory)
		hostFail("out of memory");
	return memory;
}

txID fxFindModule(txMachine* the, txSlot* realm unused, txID moduleID, txSlot* slot)
{
	char name[PATH_MAX], path[2 * PATH_MAX], real[PATH_MAX];
	fxToStringBuffer(the, slot, name, sizeof(name));
	if (name[0] == '.' && moduleID != XS_NO_ID) {
		const char* slash = strrchr(fxGetKeyName(the, moduleID), '/');
		int length = slash ? (int)(slash - fxGetKeyName(the, moduleID)) : 0;
		snprintf(path, sizeof(path), "%.*s/%s", length, fxGetKeyName(the, moduleID), name);
	}
	else if (name[0] == '/')
		snprintf(path, sizeof(path), "%s", name);
	else {
		const txPackage* found = NULL;
		for (size_t i = 0; i < sizeof(gxPackages) / sizeof(*gxPackages); i++)
			if (!strcmp(gxPackages[i].name, name))
				found = &gxPackages[i];
		if (!found || !gxModulesRoot)
			return XS_NO_ID;
		snprintf(path, sizeof(path), "%s/%s", gxModulesRoot, found->path);
	}
	if (!realpath(path, real))
		return XS_NO_ID;
	return fxNewNameC(the, real);
}

void fxLoadModule(txMachine* the, txSlot* module, txID moduleID)
{
	/* Everything that a device runs is linked before it starts. */
	if (the->isDevice)
		mxTypeError("module %s is not linked", fxGetKeyName(the, moduleID));
	txScript* script = modulesCompile(the, fxGetKeyName(the, moduleID));
	if (script)
		fxResolveModule(the, module, moduleID, script, C_NULL, C_NULL);
}

/* Turns "copy this into the heap" codes into "it stays where it is" ones; sizes are the same. */
static void toArchiveCodes(txByte* code, txSize size)
{
	txByte* p = code;
	txByte* limit = code + size;
	while (p < limit) {
		txS1 bytes = gxCodeSizes[*(txU1*)p];
		txByte* operand = p + 1;
		switch (*(txU1*)p) {
		case XS_CODE_CODE_1: *p = (txByte)XS_CODE_CODE_ARCHIVE_1; break;
		case XS_CODE_CODE_2: *p = (txByte)XS_CODE_CODE_ARCHIVE_2; break;
		case XS_CODE_CODE_4: *p = (txByte)XS_CODE_CODE_ARCHIVE_4; break;
		case XS_CODE_STRING_1: *p = (txByte)XS_CODE_STRING_ARCHIVE_1; break;
		case XS_CODE_STRING_2: *p = (txByte)XS_CODE_STRING_ARCHIVE_2; break;
		case XS_CODE_STRING_4: *p = (txByte)XS_CODE_STRING_ARCHIVE_4; break;
		}
		if (bytes > 0)
			p += bytes;
		else if (bytes == 0)
			p += 1 + sizeof(txID);
		else if (bytes == -1)
			p += 2 + *(txU1*)operand;
		else if (bytes == -2) {
			txU2 length;
			memcpy(&length, operand, sizeof(length));
			p += 3 + length;
		}
		else {
			txS4 length;
			memcpy(&length, operand, sizeof(length));
			p += 5 + length;
		}
	}
}

static void linkToRoot(txMachine* root, txScript* script)
{
	txByte* p = script->symbolsBuffer;
	txByte* code = flashAllocate(script->codeSize);
	txID count;
	mxDecodeID(p, count);
	txID* ids = made(calloc(count, sizeof(txID)));
	for (txID i = 1; i < count; i++) {
		ids[i] = fxNewNameC(root, (txString)p);
		p += strlen((char*)p) + 1;
	}
	fxRemapIDs(root, script->codeBuffer, script->codeSize, ids);
	free(ids);
	toArchiveCodes(script->codeBuffer, script->codeSize);
	memcpy(code, script->codeBuffer, script->codeSize);
	script->codeBuffer = code;
	/* With symbols left, XS would intern them again in the device machine and free the code. */
	script->symbolsBuffer = NULL;
	script->symbolsSize = 0;
}

static FILE* openSource(const char* path)
{
	FILE* file = fopen(path, "r");
	if (!file || !packageOf(path) || !packageOf(path)->isCommon)
		return file;
	char* text = NULL;
	size_t size = 0;
	FILE* wrapped = made(open_memstream(&text, &size));
	int c;
	fputs(gxCommonHead, wrapped);
	while ((c = fgetc(file)) != EOF)
		fputc(c, wrapped);
	fputs(gxCommonTail, wrapped);
	fclose(file);
	fclose(wrapped);
	/* The text lives as long as the process. */
	return made(fmemopen(text, size, "r"));
}

static txScript* parse(txMachine* root, txString path, FILE* file)
{
	txParser parserBody;
	txParser* parser = &parserBody;
	txParserJump jump;
	txScript* volatile script = NULL;
	txString sourceMap = NULL;
	fxInitializeParser(parser, root, 1024 * 1024, 1993);
	parser->firstJump = &jump;
	if (setjmp(jump.jmp_buf) == 0) {
		parser->path = fxNewParserSymbol(parser, path);
		fxParserTree(parser, file, (txGetter)fgetc, 0, &sourceMap);
		fxParserHoist(parser);
		fxParserBind(parser);
		script = fxParserCode(parser);
	}
	fxTerminateParser(parser);
	return script;
}

txScript* modulesCompile(txMachine* root, txString path)
{
	FILE* file = openSource(path);
	if (!file)
		return NULL;
	txScript* script = parse(root, path, file);
	fclose(file);
	if (!script)
		return NULL;
	if (gxSizeCount == sizeof(gxSizes) / sizeof(*gxSizes))
		hostFail("more than %u modules", gxSizeCount);
	gxSizes[gxSizeCount].path = made(strdup(path));
	gxSizes[gxSizeCount++].codeBytes = script->codeSize;
	linkToRoot(root, script);
	return script;
}

void modulesPrintSizes(void)
{
	for (unsigned i = 0; i < gxSizeCount; i++)
		printf("code %ld %s\n", (long)gxSizes[i].codeBytes, gxSizes[i].path);
}
