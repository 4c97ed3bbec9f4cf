import java.math.BigDecimal;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.MarketDataApi;
import org.openapitools.client.api.PricingApi;
import org.openapitools.client.model.DefaultPricingRequest;
import org.openapitools.client.model.OptionType;
import org.openapitools.client.model.PricingRequest;

/** Calls the service with the client that openapi-generator has generated: BASE_URL CLIENT_ID CLIENT_SECRET. */
public class JavaClient {
  static void check(String what, boolean passed) {
    if (!passed) throw new IllegalStateException(what + " is not as expected");
    System.out.println("ok " + what);
  }

  static DefaultPricingRequest option(double spot) {
    return new DefaultPricingRequest()
        .spot(BigDecimal.valueOf(spot))
        .strike(BigDecimal.valueOf(105))
        .timeToExpiry(BigDecimal.valueOf(0.5))
        .rate(BigDecimal.valueOf(0.03))
        .volatility(BigDecimal.valueOf(0.2))
        .optionType(OptionType.CALL);
  }

  public static void main(String[] arguments) throws ApiException {
    ApiClient client = new ApiClient().setBasePath(arguments[0]);
    PricingApi pricing = new PricingApi(client);
    double price = pricing.postPricingPrice(new PricingRequest(option(100)), null, null).getPrice().doubleValue();
    check("price", Math.abs(price - 4.178299716) < 1e-6);
    int assets = new MarketDataApi(client).getAssets(null, null, null, null, null, null, null).getData().size();
    check("assets", assets > 0);
    try {
      pricing.postPricingPrice(new PricingRequest(option(-1)), null, null);
      check("problem document", false);
    } catch (ApiException error) {
      check("problem document", error.getCode() == 422 && error.getResponseBody().contains("validation_failed"));
    }
  }
}
