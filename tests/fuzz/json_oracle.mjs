// JSON.parse() as the oracle of base/doc: a strict TextDecoder and JSON.parse()
// must say yes exactly where doc_scan() does, but for texts nested deeper than
// our ceiling; and the tree must hold the same values. Texts are grown from a
// grammar and then spoiled, from a seed, so that a failure can be repeated:
//
//   node json_oracle.mjs PATH-OF-doc_verdict [SEED [COUNT]]

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const [, , verdictPath, seedText = '1', countText = '30000'] = process.argv;
const MAX_DEPTH = 128; // BOUNDS_JSON_DEPTH

let state = Number(seedText) >>> 0;
// mulberry32: small, and the same on every machine
function random() {
	state = (state + 0x6d2b79f5) >>> 0;
	let t = state;
	t = Math.imul(t ^ (t >>> 15), t | 1);
	t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const spaces = ['', '', '', ' ', '\n', '\t', '\r', '  '];
const numbers = ['0', '-0', '1', '12', '-7', '1.5', '0.10', '1e5', '1E-5',
	'-1.25e+3', '9007199254740993', '9223372036854775807',
	'9223372036854775808', '-9223372036854775809', '1e999', '1e-999',
	'123456789012345678901234567890', '5e-324', '1.7976931348623157e308',
	'0.1e1', '4.9406564584124654e-324'];
const pieces = ['a', 'id', '', ' ', '\\n', '\\"', '\\\\', '\\/', '\\b', '\\f',
	'\\r', '\\t', '\\u0041', '\\u00e9', '\\u20AC', '\\ud83d\\ude00',
	'\\ud800', '\\udc00', '\\u0000', '\\u001f', 'é', '€', '😀', '\u2028',
	'\u00a0', '\ufeff', '\ufffd', '\uffff', '\u007f', '__proto__', '0', '1',
	'{', '}', '[', ']', ':', ',', '/', '~'];

function string() {
	let text = '';
	for (let n = below(4); n > 0; n--)
		text += pick(pieces);
	return `"${text}"`;
}

function value(depth) {
	const kind = below(depth > 0 ? 9 : 6);
	const sp = () => pick(spaces);
	if (kind < 2)
		return pick(numbers);
	if (kind < 4)
		return string();
	if (kind < 6)
		return pick(['true', 'false', 'null', '{}', '[]', '""']);
	const items = [];
	for (let n = below(5); n > 0; n--) {
		const item = sp() + value(depth - 1) + sp();
		items.push(kind < 8 ? `${sp()}${string()}${sp()}:${item}` : item);
	}
	return kind < 8 ? `{${sp()}${items.join(',')}}` :
		`[${sp()}${items.join(',')}]`;
}

const oddBytes = [0x00, 0x01, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1f, 0x20,
	0x22, 0x27, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x39, 0x3a, 0x45,
	0x5b, 0x5c, 0x5d, 0x65, 0x6e, 0x75, 0x7b, 0x7d, 0x7f, 0x80, 0xa0, 0xbf,
	0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff];
const oddTexts = ['NaN', 'Infinity', '-Infinity', '1.', '.5', '00', '01', '+1',
	'0x1', '1e', '1e+', 'undefined', 'True', "'a'", '/**/', '//', ',]', ',}',
	'\ufeff', '[', ']', '{"a":', '}', '"', '\\', '\\x41', '\\u12', '\\u12g4'];
const oddSequences = ['c080', 'c1bf', 'e08080', 'e09fbf', 'eda080', 'edbfbf',
	'f0808080', 'f08fbfbf', 'f4908080', 'f5808080', 'f8888080', 'c3', 'e282',
	'f09f98', 'efbbbf', 'efbfbf', 'f48fbfbf'].map((x) => Buffer.from(x, 'hex'));

function spoil(bytes) {
	const at = below(bytes.length + 1);
	const head = bytes.subarray(0, at);
	const tail = bytes.subarray(at);
	switch (below(7)) {
	case 0: // cut
		return head;
	case 1: // drop one
		return Buffer.concat([head, tail.subarray(1)]);
	case 2: // another byte there
		return Buffer.concat([head, Buffer.of(pick(oddBytes)),
			tail.subarray(1)]);
	case 3: // one more byte
		return Buffer.concat([head, Buffer.of(pick(oddBytes)), tail]);
	case 4:
		return Buffer.concat([head, Buffer.from(pick(oddTexts)), tail]);
	case 5:
		return Buffer.concat([head, pick(oddSequences), tail]);
	default: { // a piece of itself
		const from = below(bytes.length + 1);
		return Buffer.concat([head,
			bytes.subarray(from, from + below(8)), tail]);
	}
	}
}

function nest(depth) {
	const kinds = [['[', ']'], ['{"a":', '}'], ['[0,', ']']];
	let open = '';
	let close = '';
	for (let i = 0; i < depth; i++) {
		const [left, right] = pick(kinds);
		open += left;
		close = right + close;
	}
	return Buffer.from(open + pick(['1', '[]', '{}', '""']) + close);
}

function* texts() {
	const corpus = new URL('corpus/doc/', import.meta.url);
	for (const name of readdirSync(corpus).sort())
		yield readFileSync(new URL(name, corpus));
	for (const text of [...numbers, ...oddTexts])
		yield Buffer.from(text);
	for (const bytes of oddSequences)
		yield Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')]);
	for (let code = 0; code < 256; code++) {
		yield Buffer.of(code);
		yield Buffer.of(0x22, code, 0x22);
		yield Buffer.of(0x22, 0x5c, code, 0x22);
		yield Buffer.of(0x31, code);
		yield Buffer.of(0x5b, code, 0x5d);
	}
	for (let depth = 120; depth < 140; depth++)
		yield nest(depth);
	for (let n = Number(countText); n > 0; n--) {
		let bytes = Buffer.from(pick(spaces) + value(5) + pick(spaces));
		for (let times = below(4); times > 0; times--)
			bytes = spoil(bytes);
		yield bytes;
	}
}

function oracle(bytes) {
	try {
		const text = new TextDecoder('utf-8',
			{ fatal: true, ignoreBOM: true }).decode(bytes);
		return { isValid: true, parsed: JSON.parse(text) };
	} catch {
		return { isValid: false };
	}
}

function depthOf(parsed) {
	if (typeof parsed !== 'object' || parsed === null)
		return 0;
	return 1 + Math.max(0, ...Object.values(parsed).map(depthOf));
}

// The tree has U+FFFD for a lone surrogate; JSON.stringify() shows those.
const hasLoneSurrogate = (parsed) =>
	/\\ud[89a-f]/.test(JSON.stringify(parsed));
const hasNulName = (parsed) => typeof parsed === 'object' && parsed !== null &&
	(Object.keys(parsed).some((name) => name.includes('\0')) ||
		Object.values(parsed).some(hasNulName));

const inputs = [...texts()];
const records = [];
for (const bytes of inputs) {
	const head = Buffer.alloc(4);
	head.writeUInt32BE(bytes.length);
	records.push(head, bytes);
}
const child = spawnSync(verdictPath, [], {
	input: Buffer.concat(records), maxBuffer: 1 << 30,
	stdio: ['pipe', 'pipe', 'inherit'],
});
assert.equal(child.status, 0, 'doc_verdict failed');

let at = 0;
let nValid = 0;
let nCompared = 0;
let nDeep = 0;
for (const bytes of inputs) {
	const letter = String.fromCharCode(child.stdout[at++]);
	const { isValid, parsed } = oracle(bytes);
	const shown = `seed ${seedText}: ${bytes.toString('hex')} ` +
		JSON.stringify(bytes.toString());
	let printed;
	if (letter === 'y') {
		const len = child.stdout.readUInt32BE(at);
		printed = child.stdout.toString('utf8', at + 4, at + 4 + len);
		at += 4 + len;
	}
	if (letter === 'd') {
		nDeep++;
		if (isValid)
			assert.ok(depthOf(parsed) > MAX_DEPTH, shown);
		continue;
	}
	assert.equal('ys'.includes(letter), isValid, shown);
	if (!isValid)
		continue;
	nValid++;
	// A name given twice is gone from the oracle's object, not from the text.
	if (letter === 's')
		assert.ok(hasNulName(parsed) || bytes.includes('\\u0000'), shown);
	else if (!hasLoneSurrogate(parsed)) {
		assert.deepEqual(JSON.parse(printed), parsed, shown);
		nCompared++;
	}
}
assert.equal(at, child.stdout.length);
console.log(`# seed ${seedText}: ${inputs.length} texts, ${nValid} valid, ` +
	`${nCompared} trees compared, ${nDeep} too deep`);
// Both verdicts must have been exercised.
assert.ok(nValid > inputs.length / 10 && nValid < inputs.length * 0.9);
assert.ok(nCompared > inputs.length / 20 && nDeep > 5);
