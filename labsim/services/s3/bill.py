"""Amazon S3, the bill of requests.

Picture a cloakroom that takes a little for each coat handed in, and less for each handed out.

*Models:* GETs and PUTs that are answered; those turned away cost nothing. *Leaves out:* storage,
data transfer, retrieval from archives. Prices are for us-east-1.
"""

from labsim import factbook

GET_PRICE = factbook.value("s3.get_price_1000") / 1000
PUT_PRICE = factbook.value("s3.put_price_1000") / 1000


def cost(gets: float, puts: float) -> dict[str, float]:
    """{line: USD} of so many requests answered."""
    return {"GET requests": gets * GET_PRICE, "PUT requests": puts * PUT_PRICE}
