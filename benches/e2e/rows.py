"""Rows as an export holds them: 55 columns, about 2.3 kB each. The same seed gives the same rows."""
import datetime
import io
import json
import random
import uuid

FIELDS = """$insert_id $insert_key $schema adid amplitude_attribution_ids amplitude_event_type amplitude_id app city
client_event_time client_upload_time country data data_type device_brand device_carrier device_family device_id
device_manufacturer device_model device_type dma event_id event_properties event_time event_type global_user_properties
group_properties groups idfa ip_address is_attribution_event language library location_lat location_lng os_name os_version
partner_id paying plan platform processed_time region sample_rate server_received_time server_upload_time session_id
source_id start_version user_creation_time user_id user_properties uuid version_name""".split()
CITIES = [
    ("San Francisco", "California", "United States", "San Francisco-Oakland-San Jose, CA", 37.77, -122.41),
    ("London", "England", "United Kingdom", None, 51.50, -0.12),
    ("München", "Bavaria", "Germany", None, 48.13, 11.58),
    ("São Paulo", "São Paulo", "Brazil", None, -23.55, -46.63),
    ("東京", "Tokyo", "Japan", None, 35.68, 139.69),
    ("Paris", "Île-de-France", "France", None, 48.85, 2.35),
    ("Austin", "Texas", "United States", "Austin, TX", 30.26, -97.74),
    ("Chicago", "Illinois", "United States", "Chicago, IL", 41.87, -87.62),
    ("Warszawa", "Mazovia", "Poland", None, 52.22, 21.01),
    ("Mumbai", "Maharashtra", "India", None, 19.07, 72.87),
]
DEVICES = [
    ("iOS", "17.5.1", "Apple iPhone", "Apple", "iPhone 14", "Apple iPhone", "iOS", "amplitude-swift/1.6.2"),
    ("iOS", "16.7", "Apple iPhone", "Apple", "iPhone 12 Pro", "Apple iPhone", "iOS", "amplitude-swift/1.4.0"),
    ("android", "14", "Samsung Galaxy S", "samsung", "SM-S918B", "Samsung Galaxy S23", "Android", "amplitude-analytics-android/1.16.8"),
    ("android", "13", "Google Pixel", "Google", "Pixel 7a", "Google Pixel", "Android", "amplitude-analytics-android/1.16.8"),
    ("Chrome", "126.0.0.0", "Windows", None, "Windows", "Windows", "Web", "amplitude-ts/2.9.1"),
    ("Chrome", "125.0.0.0", "Mac OS X", "Apple", "Macintosh", "Mac", "Web", "amplitude-ts/2.9.1"),
    ("Safari", "17.4", "Mac OS X", "Apple", "Macintosh", "Mac", "Web", "amplitude-ts/2.7.4"),
    ("Firefox", "127.0", "Linux", None, "Linux", "Linux", "Web", "amplitude-js/8.21.9"),
]
EVENTS = [
    "[Amplitude] Page Viewed", "[Amplitude] Element Clicked", "Product Viewed", "Product Added", "Checkout Started",
    "Order Completed", "Search Performed", "session_start", "session_end", "Video Played", "Signup Step Completed",
    "Feature Flag Exposed", "$identify", "Invite Sent", "Error Shown",
]  # fmt: skip
WORDS = """alpha bravo cart delta echo filter growth hotel index jump key list market night order price query result sort
table user view widget xray yield zoom discount campaign organic referral""".split()
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
FEW, SITES = ["EMPTY", "google", "newsletter"], ["EMPTY", "www.google.com", "t.co"]
REFERRERS = ["EMPTY", "https://www.google.com/", "https://t.co/", "https://news.example.com/"]


def time_text(moment):
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def microseconds(number):
    return datetime.timedelta(microseconds=number)


def drawn_uuid(draw):
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


class User:
    def __init__(self, draw):
        self.device_id = drawn_uuid(draw)
        self.number = draw.randrange(10**11, 10**12)
        self.name = None if draw.random() < 0.3 else "u_%012x" % draw.getrandbits(48)
        self.city = draw.choice(CITIES)
        self.device = draw.choice(DEVICES)
        self.language = draw.choice(["English", "German", "Portuguese", "Japanese", "French"])
        self.address = "%d.%d.%d.%d" % tuple(draw.randrange(1, 255) for _ in range(4))
        self.version = "%d.%d.%d" % (draw.randrange(3, 6), draw.randrange(20), draw.randrange(9))
        self.created = datetime.datetime(2023, 1, 1) + microseconds(draw.randrange(0, 86400 * 900 * 10**6))
        plan = draw.choice(["free", "starter", "growth", "enterprise"])
        click = "".join(draw.choice(LETTERS) for _ in range(48)) if draw.random() < 0.3 else None
        self.properties = {
            "initial_referrer": draw.choice(REFERRERS),
            "initial_referring_domain": draw.choice(SITES),
            "initial_utm_source": draw.choice(FEW),
            "initial_utm_campaign": draw.choice(["EMPTY", "spring-sale", "brand-2026"]),
            "initial_gclid": click or "EMPTY",
            "plan": plan,
            "seats": draw.randrange(1, 400),
            "lifetime_value": round(draw.random() * 4000, 2),
            "experiments": ["exp-%d:%s" % (draw.randrange(400), draw.choice("ABC")) for _ in range(draw.randrange(1, 6))],
            "company": draw.choice(WORDS).title() + " " + draw.choice(WORDS).title() + " GmbH",
            "is_admin": draw.random() < 0.2,
            "first_seen_version": self.version,
            "locale": draw.choice(["en-US", "de-DE", "pt-BR", "ja-JP", "fr-FR"]),
        }


def event_properties(draw, user, event):
    word = lambda: draw.choice(WORDS)  # noqa: E731
    properties = {
        "[Amplitude] Page URL": "https://app.example.com/%s/%s?ref=%s&sid=%x" % (word(), word(), word(), draw.getrandbits(40)),
        "[Amplitude] Page Path": "/%s/%s" % (word(), word()),
        "[Amplitude] Page Title": " ".join(word() for _ in range(4)).title(),
        "referrer": user.properties["initial_referrer"],
        "viewport": "%dx%d" % (draw.randrange(320, 2560), draw.randrange(480, 1440)),
    }
    if event.startswith(("Product", "Order", "Checkout")):
        product = lambda: {  # noqa: E731
            "sku": "SKU-%06d" % draw.randrange(10**6),
            "name": " ".join(word() for _ in range(3)),
            "price": round(draw.random() * 300, 2),
            "quantity": draw.randrange(1, 5),
        }
        properties["products"] = [product() for _ in range(draw.randrange(1, 4))]
        properties["order_id"] = "%016x" % draw.getrandbits(64)
        properties["currency"] = draw.choice(["USD", "EUR", "BRL", "JPY"])
    elif event == "Search Performed":
        properties["query"] = " ".join(word() for _ in range(draw.randrange(1, 6)))
        properties["results"] = draw.randrange(0, 900)
        properties["note"] = 'café „quoted“ \U0001f600 "x"\\n'
    elif "Element" in event:
        properties["[Amplitude] Element Text"] = " ".join(word() for _ in range(3))
        properties["[Amplitude] Element Selector"] = "#root > div:nth-child(%d) > button.%s" % (draw.randrange(20), word())
    else:
        properties["duration_ms"] = draw.randrange(10, 90000)
        properties["request_id"] = drawn_uuid(draw)
        properties["ok"] = draw.random() < 0.97
    return properties


def row(draw, project, user, start, number):
    event, device, city = draw.choice(EVENTS), user.device, user.city
    happened = start + microseconds(number * 7_000_000 + draw.randrange(6_000_000))
    uploaded = happened + microseconds(draw.randrange(100_000, 9_000_000))
    received = uploaded + microseconds(draw.randrange(900_000))
    # fmt: off
    values = (
        drawn_uuid(draw), None, 12 if draw.random() < 0.1 else None, None, None, None if event[0] not in "[$s" else event,
        user.number, project, city[0], time_text(happened), time_text(uploaded), city[2],
        {"path": "/2/httpapi", "user_properties_updated": True, "group_first_event": {}, "group_ids": {}}, "event",
        device[3], None, device[2], user.device_id, device[3], device[4], device[5], city[3], draw.randrange(10**9),
        event_properties(draw, user, event), time_text(happened), event, None, {},
        {"company": [user.properties["company"]]} if draw.random() < 0.5 else {}, None, user.address, False, user.language,
        device[7], city[4] if draw.random() < 0.2 else None, city[5] if draw.random() < 0.2 else None, device[0], device[1],
        None, None, {"branch_id": "main", "source": "web", "version": "12"} if draw.random() < 0.5 else {}, device[6],
        time_text(received + microseconds(draw.randrange(2 * 10**6))), city[1], None, time_text(received),
        time_text(received), int(start.timestamp() * 1000), None, user.version, time_text(user.created), user.name,
        user.properties, drawn_uuid(draw), user.version,
    )
    # fmt: on
    return dict(zip(FIELDS, values))


def lines(seed, project, hour, target):
    """About `target` bytes of lines of one hour, and the uuid of each."""
    draw = random.Random(seed)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    text, uuids = io.BytesIO(), []
    session = lambda: [User(draw), hour + datetime.timedelta(seconds=draw.randrange(3600)), 0]  # noqa: E731
    live = [session() for _ in range(40)]
    while text.tell() < target:
        place = draw.randrange(len(live))
        if live[place][2] > draw.randrange(4, 40):
            live[place] = session()
            continue
        for _ in range(draw.randrange(1, 6)):  # one upload of a client
            live[place][2] += 1
            user, start, number = live[place]
            made = row(draw, project, user, start, number)
            uuids.append(made["uuid"])
            text.write(encode(made).encode())
            text.write(b"\n")
    return text.getvalue(), uuids
