import protobuf from 'protobufjs';

/**
 * The part of the ONNX protobuf schema (onnx.proto3, IR version 10) that models written and read here use. Field numbers
 * are those of the published schema.
 */
const schema = protobuf.Root.fromJSON({
  nested: {
    onnx: {
      nested: {
        StringStringEntryProto: {
          fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } },
        },
        TensorProto: {
          fields: {
            dims: { rule: 'repeated', type: 'int64', id: 1 },
            dataType: { type: 'int32', id: 2 },
            floatData: { rule: 'repeated', type: 'float', id: 4, options: { packed: true } },
            name: { type: 'string', id: 8 },
            rawData: { type: 'bytes', id: 9 },
            externalData: { rule: 'repeated', type: 'StringStringEntryProto', id: 13 },
            dataLocation: { type: 'int32', id: 14 },
          },
        },
        Dimension: {
          oneofs: { value: { oneof: ['dimValue', 'dimParam'] } },
          fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } },
        },
        TensorShapeProto: { fields: { dim: { rule: 'repeated', type: 'Dimension', id: 1 } } },
        TensorTypeProto: {
          fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } },
        },
        TypeProto: { fields: { tensorType: { type: 'TensorTypeProto', id: 1 } } },
        ValueInfoProto: { fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } } },
        AttributeProto: {
          fields: {
            name: { type: 'string', id: 1 },
            f: { type: 'float', id: 2 },
            i: { type: 'int64', id: 3 },
            s: { type: 'bytes', id: 4 },
            t: { type: 'TensorProto', id: 5 },
            ints: { rule: 'repeated', type: 'int64', id: 8 },
            type: { type: 'int32', id: 20 },
          },
        },
        NodeProto: {
          fields: {
            input: { rule: 'repeated', type: 'string', id: 1 },
            output: { rule: 'repeated', type: 'string', id: 2 },
            name: { type: 'string', id: 3 },
            opType: { type: 'string', id: 4 },
            attribute: { rule: 'repeated', type: 'AttributeProto', id: 5 },
            domain: { type: 'string', id: 7 },
          },
        },
        GraphProto: {
          fields: {
            node: { rule: 'repeated', type: 'NodeProto', id: 1 },
            name: { type: 'string', id: 2 },
            initializer: { rule: 'repeated', type: 'TensorProto', id: 5 },
            input: { rule: 'repeated', type: 'ValueInfoProto', id: 11 },
            output: { rule: 'repeated', type: 'ValueInfoProto', id: 12 },
          },
        },
        OperatorSetIdProto: {
          fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } },
        },
        ModelProto: {
          fields: {
            irVersion: { type: 'int64', id: 1 },
            producerName: { type: 'string', id: 2 },
            graph: { type: 'GraphProto', id: 7 },
            opsetImport: { rule: 'repeated', type: 'OperatorSetIdProto', id: 8 },
            metadataProps: { rule: 'repeated', type: 'StringStringEntryProto', id: 14 },
          },
        },
      },
    },
  },
});

/** Element types as TensorProto.DataType numbers them. */
export const ONNX_DATA_TYPES = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  uint64: 13,
  bfloat16: 16,
} as const;

/** AttributeProto.AttributeType. */
export const ONNX_ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** TensorProto.DataLocation of a tensor whose elements lie in another file. */
export const EXTERNAL_DATA = 1;

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData?: Uint8Array;
  readonly floatData?: readonly number[];
  readonly externalData?: readonly { readonly key: string; readonly value: string }[];
  readonly dataLocation?: number;
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly {
    readonly name: string;
    readonly type: number;
    readonly f?: number;
    readonly i?: number;
    readonly s?: Uint8Array;
    readonly t?: OnnxTensor;
    readonly ints?: readonly number[];
  }[];
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: {
        readonly dim: readonly ({ readonly dimValue: number } | { readonly dimParam: string })[];
      };
    };
  };
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName: string;
  readonly metadataProps?: readonly { readonly key: string; readonly value: string }[];
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: {
    readonly name: string;
    readonly node: readonly OnnxNode[];
    readonly initializer: readonly OnnxTensor[];
    readonly input: readonly OnnxValueInfo[];
    readonly output: readonly OnnxValueInfo[];
  };
}

/** The model in ONNX's protobuf encoding. */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const type = schema.lookupType('onnx.ModelProto');
  return type.encode(type.fromObject(model)).finish();
}

/** Bytes that are no ONNX model, or one that is made to do harm. */
export class OnnxError extends Error {
  override readonly name = 'OnnxError';
}

/** Each field becomes an object of some hundred bytes; real models have far fewer, as their numbers are packed. */
const MAX_FIELDS = 1_000_000;
/** How protobuf marks fields that state their length. */
const LENGTH_DELIMITED = 2;

/** Whether the numbers of a field become objects one by one. */
function isListOfIntegers(field: protobuf.Field): boolean {
  return field.repeated && (field.type === 'int64' || field.type === 'int32');
}

/** Counts a message's fields, and those of the messages in it, before anything is made of them. */
function countFields(
  reader: protobuf.Reader,
  end: number,
  type: protobuf.Type,
  spend: (count: number) => void,
) {
  while (reader.pos < end) {
    spend(1);
    const tag = reader.uint32();
    if ((tag & 7) !== LENGTH_DELIMITED) {
      reader.skipType(tag & 7);
      continue;
    }
    const length = reader.uint32();
    const fieldEnd = reader.pos + length;
    if (fieldEnd > end) throw new OnnxError('it is cut short or damaged');
    const field = type.fieldsById[tag >>> 3]?.resolve();
    if (field?.resolvedType instanceof protobuf.Type)
      countFields(reader, fieldEnd, field.resolvedType, spend);
    else {
      if (field && isListOfIntegers(field)) spend(length);
      reader.skip(length);
    }
  }
}

function requireFewFields(bytes: Uint8Array, type: protobuf.Type): void {
  let count = 0;
  countFields(protobuf.Reader.create(bytes), bytes.length, type, (more) => {
    count += more;
    if (count > MAX_FIELDS) throw new OnnxError(`it has more than ${MAX_FIELDS} fields`);
  });
}

/**
 * Reads a model in ONNX's protobuf encoding; fields that the schema here lacks are passed over. Texts and numbers that
 * the file leaves out are undefined.
 * @throws OnnxError when the bytes are no such message, or one of absurdly many fields.
 */
export function decodeOnnxModel(bytes: Uint8Array): OnnxModel {
  const type = schema.lookupType('onnx.ModelProto');
  let model: Partial<OnnxModel>;
  try {
    requireFewFields(bytes, type);
    model = type.toObject(type.decode(bytes), { longs: Number, arrays: true });
  } catch (error) {
    throw error instanceof OnnxError ? error : new OnnxError('it is damaged, or something else');
  }
  if (!model.graph) throw new OnnxError('it holds no graph');
  return model as OnnxModel;
}
