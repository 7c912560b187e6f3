"""Words of which made-up people and places are put together. Any likeness to somebody is chance."""

TITLES = ("Dr", "Mr", "Mrs", "Miss", "Ms", "Mx", "Prof")

GIVEN_NAMES = (
    "Aaliyah", "Abena", "Adaeze", "Agnieszka", "Aisha", "Alan", "Alejandro", "Alice", "Amara", "Ana-Maria",
    "André", "Angharad", "Anil", "Aoife", "Arjun", "Ayşe", "Beatriz", "Bethan", "Björn", "Blessing",
    "Bronwen", "Caitlín", "Carol", "Catherine", "Chidi", "Chloé", "Chukwuemeka", "Ciarán", "Dafydd", "Daniela",
    "David", "Deepa", "Dmitri", "Đorđe", "Ebony", "Efua", "Eleri", "Elif", "Emeka", "Émilie", "Esther", "Faisal",
    "Farida", "Femi", "Fiona", "Françoise", "Gethin", "Giulia", "Grace", "Grzegorz", "Gurpreet", "Hannah",
    "Haruki", "Helen", "Hiroko", "Huw", "Ibrahim", "Ifeoma", "Inés", "Iqra", "Isla", "Ivan", "Jamal", "Jan",
    "Jean-Paul", "Jelena", "Jennifer", "João", "Joy", "Joyce", "Kamala", "Karthik", "Katarzyna", "Kemi", "Khadija",
    "Kofi", "Kwame", "Laila", "Lakshmi", "Laszlo", "Leah", "Leticia", "Lin", "Liam", "Llinos", "Łukasz", "Mairi",
    "Małgorzata", "Marcus", "Margaret", "Maria", "Mary Jane", "Mbali", "Mei", "Mohammed", "Moira", "Nadia", "Nasreen",
    "Niamh", "Nkechi", "Noor", "Nuala", "Ọlá", "Olena", "Oluwaseun", "Omar", "Órla", "Owain", "Parveen", "Patience",
    "Pavel", "Pooja", "Priya", "Rachel", "Rajesh", "Rhiannon", "Ricardo", "Róisín", "Rosa", "Ruth", "Sadia", "Samuel",
    "Sanjay", "Saoirse", "Sarah", "Seren", "Shanelle", "Siân", "Simone", "Siobhán", "Søren", "Sunita", "Susan",
    "Svetlana", "Tadeusz", "Tariq", "Temitope", "Thanh", "Thomas", "Tiago", "Tomasz", "Ursula", "Uzma", "Valentina",
    "Victor", "Wanjiru", "Wei", "William", "Xin", "Yasmin", "Yewande", "Yuki", "Yusuf", "Zainab", "Zoë", "Zofia",
)  # fmt: skip

FAMILY_NAMES = (
    "Abara", "Abdi", "Achebe", "Adeleke", "Ahmed", "Akhtar", "Ali", "Andersson", "Asante", "Bailey", "Balogun",
    "Banerjee", "Barnes", "Begum", "Bennett", "Boateng", "Brennan", "Brown", "Bui", "Campbell", "Castillo", "Chan",
    "Chanda", "Chaudhry", "Chen", "Clarke", "Cohen", "Collins", "Costa", "Cruz", "D'Angelo", "D'Souza", "Da Silva",
    "Das", "Davies", "De la Cruz", "Demir", "Desai", "Dhillon", "Diallo", "Díaz", "Dlamini", "Doyle", "Dubois",
    "Edwards", "Eriksen", "Evans", "Eze", "Fashola", "Fernandes", "Fitzgerald", "Foster", "Fraser", "García", "Gill",
    "Gonçalves", "Green", "Griffiths", "Gupta", "Hall", "Harris", "Hassan", "Hernández", "Horvat", "Hughes", "Hussain",
    "Ibrahim", "Ivanova", "Jackson", "James", "Jones", "Joshi", "Kamara", "Kapoor", "Kaur", "Kelly", "Khan", "Kim",
    "King", "Kovács", "Kowalska", "Kumar", "Lam", "Le", "Lewis", "Lloyd", "López", "MacDonald", "MacLeod", "Mahmood",
    "Malik", "Martin", "McCarthy", "McIntyre", "Mensah", "Meyer", "Mishra", "Mohamed", "Moreau", "Morgan", "Müller",
    "Murphy", "Mwangi", "N'Diaye", "Nair", "Ncube", "Nguyễn", "Novák", "O'Brien", "O'Connor", "O'Neill", "Obi",
    "Okafor", "Okonkwo", "Oliveira", "Osei", "Owen", "Özdemir", "Papadopoulos", "Patel", "Pereira", "Petrović",
    "Phillips", "Popescu", "Price", "Qureshi", "Rahman", "Rao", "Rees", "Reid", "Roberts", "Robinson", "Rossi",
    "Ryan", "Sánchez", "Santos", "Schröder", "Scott", "Shah", "Sharma", "Singh", "Smith", "St John", "Stewart",
    "Suzuki", "Szabó", "Tan", "Taylor", "Thapa", "Thomas", "Tran", "Turner", "Uddin", "Van den Berg", "Walker",
    "Walsh", "Watanabe", "White", "Williams", "Wiśniewski", "Wong", "Wood", "Wright", "Yıldız", "Young", "Zhang",
)  # fmt: skip

SINGLE_NAMES = ("Suharto", "Anjali", "Thiri", "Bejaoui", "Ratna", "Sayuri", "Tenzin", "Zulaikha")

PLACE_BEGINNINGS = (
    "Alder", "Amber", "Birch", "Black", "Bram", "Brock", "Calder", "Clover", "Cold", "Crow", "Dun", "Elder", "Elm",
    "Fern", "Fox", "Glen", "Gold", "Hare", "Haw", "Hazel", "Heath", "Holly", "Iver", "Kestrel", "Kings", "Lark",
    "Lime", "Maple", "March", "Mill", "Moor", "Nettle", "Oak", "Otter", "Pen", "Quarry", "Raven", "Red", "Rowan",
    "Rush", "Sand", "Silver", "Stone", "Thorn", "Tre", "Under", "Violet", "Wal", "West", "Whit", "Willow", "Yarrow",
)  # fmt: skip

PLACE_ENDINGS = (
    "beck", "bourne", "bridge", "brook", "bury", "combe", "croft", "dale", "den", "field", "ford", "gate", "ham",
    "haven", "hurst", "ley", "mere", "moor", "mouth", "port", "shaw", "side", "stead", "stoke", "ton", "wick", "wood",
)  # fmt: skip
