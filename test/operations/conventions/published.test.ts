import test from 'ava';
import { attributesOf, metricsOf } from '../../../scripts/verify/conventions/published.ts';

const attributes = `
// Namespace: http
const (
	// HTTPRequestMethodKey is the attribute Key conforming to the
	// "http.request.method" semantic conventions. It represents the HTTP request method.
	//
	// Type: Enum
	// Stability: Stable
	HTTPRequestMethodKey = attribute.Key("http.request.method")

	// HTTPResponseStatusCodeKey is the attribute Key of the [HTTP response status code].
	//
	// Type: int
	HTTPResponseStatusCodeKey = attribute.Key("http.response.status_code")

	// ErrorTypeKey is the attribute Key of a class of error.
	//
	// Type: Enum
	ErrorTypeKey = attribute.Key("error.type")

	// ArgsKey is the attribute Key of arguments.
	//
	// Type: string[]
	ArgsKey = attribute.Key("process.command_args")

	// CodeKey is the attribute Key of a code.
	//
	// Type: Enum
	CodeKey = attribute.Key("a.code")
)

var (
	HTTPRequestMethodGet = HTTPRequestMethodKey.String("GET")
	HTTPRequestMethodOther = HTTPRequestMethodKey.String("_OTHER")
	ErrorTypeOther = ErrorTypeKey.String("_OTHER")
	CodeZero = CodeKey.Int(0)
)
`;

test('attributes have their type and their listed values', (t) => {
  const found = attributesOf(attributes);
  t.is(found.size, 5);
  t.deepEqual(found.get('http.request.method'), { type: 'string', values: new Set(['GET', '_OTHER']) });
  t.deepEqual(found.get('http.response.status_code'), { type: 'int', values: undefined });
  t.deepEqual(found.get('process.command_args'), { type: 'string[]', values: undefined });
  t.deepEqual(found.get('a.code'), { type: 'int', values: new Set(['0']) });
});

test('an attribute that lists only `_OTHER` takes any value', (t) => {
  t.deepEqual(attributesOf(attributes).get('error.type'), { type: 'string', values: undefined });
});

test('an attribute without a type is an error, because the format has changed', (t) => {
  t.throws(() => attributesOf('\t// A key.\n\tAKey = attribute.Key("a")\n'), { message: /a has no type/ });
});

const metric = (type: string, of: string, name: string, method: string): string => `
type ${type} struct {
	metric.${of}
}

func (${type}) Name() string {
	return "${name}"
}

func (${type}) Unit() string {
	return "s"
}
${method}
`;
const record = `
func (m Duration) Record(
	ctx context.Context,
	attrs ...attribute.KeyValue,
) {
	m.Record(ctx, val, metric.WithAttributes(
		attribute.String("http.request.method", string(requestMethod)),
		attribute.String("url.scheme", urlScheme),
	))
}

func (m Duration) AttrServerAddress(val string) attribute.KeyValue {
	return attribute.String("server.address", val)
}
`;

test('metrics have unit, instrument and required attributes', (t) => {
  const found = metricsOf(
    metric('Duration', 'Float64Histogram', 'http.server.request.duration', record) +
      metric('DurationObservable', 'Float64ObservableGauge', 'http.server.request.duration', '') +
      metric('Count', 'Int64ObservableUpDownCounter', 'db.client.connection.count', ''),
  );
  t.deepEqual(
    [...found],
    [
      [
        'http.server.request.duration',
        { unit: 's', instrument: 'histogram', required: ['http.request.method', 'url.scheme'] },
      ],
      ['db.client.connection.count', { unit: 's', instrument: 'up_down_counter', required: [] }],
    ],
  );
});
